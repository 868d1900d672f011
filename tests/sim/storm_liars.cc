// Strangers that know everything but no ring key: they say hello in others' names, announce that
// others leave, and hand over messages that are not theirs, with ids that are in use or will be.
#include <array>
#include <limits>

#include "core/codec.h"
#include "sim/storm.h"

namespace podring::sim {
namespace {

using namespace std::chrono_literals;

constexpr Host kStrangerAbove = 200;  // addresses where nobody of the ring lives

}  // namespace

void Storm::plan_liars(SimNet& net) {
  for (std::uint64_t left = 1 + liar_random_.below(30); left > 0; --left) {
    after(net,
          Duration{static_cast<Duration::rep>(
              liar_random_.below(static_cast<std::uint64_t>(length_.count())))},
          [this, &net] { lie(net); });
  }
}

void Storm::lie(SimNet& net) {
  const std::vector<Pid> live = net.live();
  if (live.size() < 2) return;
  const auto draw = [this](std::uint64_t bound) { return liar_random_.below(bound); };
  const Pid to = live[draw(live.size())];
  const Identity& other = net.peer(live[draw(live.size())]).self();
  const Host stranger = kStrangerAbove + static_cast<Host>(draw(4));
  const RouteId route = liar_route_++;
  constexpr std::array kSessions{std::uint64_t{1}, std::uint64_t{1} << 62,
                                 std::numeric_limits<std::uint64_t>::max()};
  const std::uint64_t session = kSessions[draw(kSessions.size())];

  HelloFrame hello;
  hello.version_max = 2;
  hello.ring = net.settings(to).ring;
  hello.identity = other;
  if (draw(2) == 0) hello.identity.boot = {liar_random_.next() | 1};
  if (draw(2) == 0) {
    // A boot id of somebody else's at an own address is found out only by those who know its owner
    // (proto-docs/delivery.md, section 10, says what is left without a ring key).
    hello.identity.address = SimNet::address_of(stranger);
    hello.identity.boot = {liar_random_.next() | 1};
  }
  hello.dialled = net.peer(to).self().address;
  hello.leaving = draw(3) == 0;
  hello.credit_envelopes = hello.credit_bytes = 1 << 20;
  net.forge(stranger, route, to, write_frame({1, session}, hello));

  const auto version = std::min<std::uint8_t>(2, net.settings(to).version_max);
  Bytes envelopes;
  const std::size_t count = 1 + draw(5);
  for (std::size_t i = 0; i < count; ++i) {
    EnvelopeHead head;
    head.id = {draw(4) == 0 ? net.peer(to).self().boot : other.boot, 1 + draw(60)};
    head.origin = draw(4) == 0 ? SimNet::address_of(stranger) : other.address;
    head.limit = 1;
    head.ended = draw(3) == 0 ? End::completed : End::none;
    head.receipt = head.ended != End::none;
    const Envelope envelope = make_envelope(head, "a lie");
    append_envelope(envelopes, envelope,
                    {.hop = static_cast<std::uint32_t>(1 + draw(3)),
                     .lap = static_cast<std::uint32_t>(draw(2) == 0 ? 1'000'000 : draw(3)),
                     .time_left_ms = 600'000,
                     .append_entry = true,
                     .pod = other.pod,
                     .arrived = {}});
  }
  net.forge(stranger, route, to, write_relay({version, session}, 0, 0, count, envelopes));
  if (draw(2) == 0) net.forge(stranger, route, to, write_leaving({version, session}));
}

}  // namespace podring::sim
