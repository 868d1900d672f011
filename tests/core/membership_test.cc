// Who is in the view, who is suspected, who is the successor: without a frame and without a link
// (proto-docs/delivery.md section 5, wire-protocol.md section 7).
#include "core/membership.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "support/catch.h"

using namespace podring;
using namespace std::chrono_literals;

namespace {

Address at(char letter) { return Address::v4(0x0a000000U + static_cast<std::uint32_t>(letter)); }

/// Membership of M, between L and N.
struct Fixture {
  Settings settings;
  Turn turn{1};
  Membership membership{at('M'), settings, turn};
  Contacts contacts;

  Fixture() { turn.now.steady = TimePoint{100s}; }

  static std::vector<Address> addresses(const std::string& letters) {
    std::vector<Address> all;
    for (const char letter : letters) all.push_back(at(letter));
    return all;
  }
  bool names(const std::string& letters) {
    return membership.take_names(addresses(letters), contacts);
  }
  std::string view() const { return letters(membership.ring().members()); }
  static std::string letters(const std::vector<Address>& all) {
    std::string text;
    for (const Address address : all)
      text += static_cast<char>(static_cast<std::uint32_t>(address.low) - 0x0a000000U);
    return text;
  }
  void link(char to, bool up) { contacts.links.push_back({at(to), up}); }
  void up(char to, std::uint64_t boot = 1, bool leaving = false) {
    std::erase_if(contacts.links, [to](const auto& each) { return each.to == at(to); });
    link(to, true);
    membership.on_up(at(to), {boot}, leaving, contacts);
  }
  bool lost(char to, bool broken = true, std::uint64_t boot = 1) {
    std::erase_if(contacts.links, [to](const auto& each) { return each.to == at(to); });
    return membership.on_lost({at(to), {boot}, true, false, broken}, contacts);
  }
  /// "successor, whom to dial"
  std::string choose() {
    const Membership::Choice choice = membership.choose(contacts);
    membership.set_successor(choice.successor);
    return (choice.successor ? letters({*choice.successor}) : "-") + "," + letters(choice.dial);
  }
  std::string health_reports() {
    std::string text;
    for (const Event& event : turn.out.events) {
      if (const auto* health = std::get_if<PeerHealth>(&event))
        text += letters({health->peer}) + (health->state == PeerHealth::State::up     ? "+"
                                           : health->state == PeerHealth::State::down ? "-"
                                                                                      : "~");
    }
    turn.out.events.clear();
    return text;
  }
};

}  // namespace

TEST_CASE("growth counts at once, half of the view only when the next answer agrees",
          "[membership]") {
  Fixture m;
  CHECK(m.names("ANZ"));
  CHECK(m.view() == "AMNZ");
  CHECK_FALSE(m.names("NZAN"));  // the same
  CHECK_FALSE(m.names("A"));     // two of four are gone
  CHECK(m.view() == "AMNZ");
  SECTION("which agrees") {
    CHECK(m.names("A"));
    CHECK(m.view() == "AM");
  }
  SECTION("which does not") {
    CHECK_FALSE(m.names("ANZ"));
    CHECK_FALSE(m.names("A"));
    CHECK(m.view() == "AMNZ");
  }
  SECTION("fewer than half go at once") {
    CHECK(m.names("AN"));
    CHECK(m.view() == "AMN");
  }
}

TEST_CASE("a fixed list counts as it is, and names nothing any more", "[membership]") {
  Fixture m;
  m.names("ANZ");
  CHECK(m.membership.set_fixed(Fixture::addresses("MN"), m.contacts));
  CHECK(m.view() == "MN");
  CHECK_FALSE(m.names("A"));
}

TEST_CASE("a peer with a live link stays in the view, whatever the names say", "[membership]") {
  Fixture m;
  m.names("ALNZ");
  m.up('N');
  m.names("ALZ");
  CHECK(m.view() == "ALMNZ");
  CHECK_FALSE(m.membership.drop_dead(m.contacts));
  SECTION("until it is lost") {
    m.lost('N');
    CHECK(m.view() == "ALMZ");
  }
  SECTION("until it leaves") {
    m.membership.on_leaving(at('N'), {1});
    CHECK(m.membership.drop_dead(m.contacts));
    CHECK(m.view() == "ALMZ");
  }
}

TEST_CASE("the successor is the first in ring order that is up", "[membership]") {
  Fixture m;
  m.names("ANPZ");
  CHECK(m.choose() == "-,N");
  m.link('N', false);
  CHECK(m.choose() == "-,");
  m.up('P');
  CHECK(m.choose() == "P,");
  CHECK(m.health_reports() == "N-");
  m.up('N');
  CHECK(m.choose() == "N,");
  CHECK(m.health_reports() == "N+");
}

TEST_CASE("while nobody answers, 1, 2, 4, 8 are dialled at once", "[membership]") {
  Fixture m;
  m.names("NOPQRSTUVWXYZ");
  const auto silent = [&](const std::string& letters) {
    m.turn.now.steady += 700ms;
    for (const char letter : letters) m.membership.on_lost({at(letter), {}}, m.contacts);
  };
  CHECK(m.choose() == "-,N");
  silent("N");
  CHECK(m.choose() == "-,OP");
  silent("OP");  // one round, one step
  CHECK(m.choose() == "-,QRST");
  silent("QRST");
  CHECK(m.choose() == "-,UVWXYZ");
}

TEST_CASE("a leaving peer is passed over while another is up, and dialled for want of others",
          "[membership]") {
  Fixture m;
  m.names("NP");
  m.up('N');
  m.up('P', 2);
  CHECK(m.choose() == "N,");
  CHECK(m.membership.on_leaving(at('N'), {1}));
  CHECK_FALSE(m.membership.on_leaving(at('N'), {1}));
  CHECK(m.choose() == "P,");
  CHECK(m.health_reports() == "N~");
  m.lost('N');
  CHECK(m.view() == "MP");  // it said so, and its connection broke
  m.up('N', /*boot=*/9);
  CHECK(m.view() == "MNP");  // somebody else
  m.lost('N', true, 9);
  m.lost('P', true, 2);
  m.membership.on_leaving(at('P'), {2});
  CHECK(m.choose() == "-,");  // both are suspected: probes find them
}

TEST_CASE("one suspected again within 60 s is taken back only after it has answered for longer",
          "[membership]") {
  Fixture m;
  m.names("N");
  m.up('N');
  CHECK(m.lost('N'));
  CHECK_FALSE(m.membership.on_lost({at('N'), {1}}, m.contacts));  // no news
  m.up('N');
  CHECK_FALSE(m.membership.health().find(at('N'))->suspected);  // the first: at once
  m.lost('N');
  m.up('N');
  CHECK(m.membership.health().find(at('N'))->suspected);
  CHECK(m.choose() == "N,");  // better than nobody
  m.turn.now.steady += 999ms;
  CHECK_FALSE(m.membership.on_answering(at('N')));
  m.turn.now.steady += 1ms;
  CHECK(m.membership.on_answering(at('N')));
  m.lost('N');
  m.up('N');
  m.turn.now.steady += 1999ms;
  CHECK_FALSE(m.membership.on_answering(at('N')));
  m.turn.now.steady += 1ms;
  CHECK(m.membership.on_answering(at('N')));
  m.turn.now.steady += 60s;
  m.lost('N');
  m.up('N');
  CHECK_FALSE(m.membership.health().find(at('N'))->suspected);
}

TEST_CASE("probes go to the nearest, and to those who have waited the longest, 8 at once",
          "[membership]") {
  Fixture m;
  m.names("ABCDEFGHNOPQ");
  for (const char letter : std::string{"HGFEDCBAQPON"}) {
    m.turn.now.steady += 1ms;
    m.membership.on_lost({at(letter), {1}}, m.contacts);
  }
  CHECK(m.membership.take_probes(m.contacts).empty());
  CHECK(m.membership.next_probe() == m.turn.now.steady + 989ms);
  m.turn.now.steady += 1s;
  CHECK(Fixture::letters(m.membership.take_probes(m.contacts)) == "NOPQHGFE");
  CHECK(Fixture::letters(m.membership.take_probes(m.contacts)) == "DCBA");
  for (const char letter : std::string{"NOPQHGFE"}) m.link(letter, false);  // under way
  m.turn.now.steady += 1s;
  CHECK(m.membership.take_probes(m.contacts).empty());
}

TEST_CASE("a hello tells that a suspected peer may be probed, or that somebody else is there",
          "[membership]") {
  Fixture m;
  m.names("N");
  CHECK_FALSE(m.membership.on_hello(at('N'), {1}, false, m.contacts));  // nothing bad is known
  m.lost('N');
  CHECK(m.membership.on_hello(at('N'), {1}, false, m.contacts));
  CHECK(Fixture::letters(m.membership.take_probes(m.contacts)) == "N");
  CHECK(m.membership.on_hello(at('N'), {2}, false, m.contacts));
  CHECK(m.membership.health().find(at('N')) == nullptr);
}
