// The inside of core::Peer, shared by its sources: peer.cc (inputs, the turn, leaving),
// peer_seeds.cc (seeds), peer_view.cc (view, health, successor), peer_links.cc (sessions going
// out), peer_sessions.cc (sessions coming in), peer_delivery.cc (custody), peer_acks.cc (words),
// peer_relay.cc (handing on), peer_look.cc (looking in) and peer_status_frames.cc (what neighbours
// tell one another about themselves). Nobody else includes it.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "core/check.h"
#include "core/codec.h"
#include "core/custody.h"
#include "core/id_memory.h"
#include "core/peer.h"
#include "core/random.h"
#include "core/ring.h"
#include "core/round_trip.h"
#include "core/sequence_window.h"

namespace podring {

class Peer::State {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint64_t kWindowMax = 1
                                              << 20;  ///< sequence numbers between floor and newest
  static constexpr std::size_t kSeedClientsMax = 65'536;

  /// What one sequence number of an outgoing session carries.
  struct OutSlot {
    std::uint32_t held = kNone;  ///< kNone: let go
    std::uint32_t bytes = 0;
    bool received = false;
    bool resent = false;
    TimePoint sent_at;  ///< of the first sending, then of `received`
  };
  struct Link {
    enum class State : std::uint8_t { dialling, greeting, up };
    LinkId id = 0;
    Address to;
    State state = State::dialling;
    std::uint64_t session = 0;
    std::uint8_t version = 1;
    Identity remote;
    bool takes_status = false;
    std::uint64_t places[2] = {0, 0};  ///< the remote's place by CopiesOn
    SequenceWindow<OutSlot> window;
    std::uint64_t resend_from = 0;  ///< everything below is received or let go
    std::size_t unreceived = 0;
    std::size_t unreceived_bytes = 0;
    std::size_t unsafe = 0;  ///< received, not let go
    std::uint64_t room = 0;  ///< as last told
    std::uint64_t room_bytes = 0;
    std::uint64_t ack_number = 0;          ///< of the newest ack that was read
    std::optional<std::size_t> frame_max;  ///< the transport's wish for batches
    RoundTrip round_trip;
    RoundTrip ping_round_trip;  ///< of pings alone, which no other lane carries
    unsigned resend_expiries = 0;
    unsigned ask_expiries = 0;
    TimePoint resend_at = TimePoint::max();
    TimePoint ask_at = TimePoint::max();
    TimePoint try_full_at = TimePoint::max();  ///< next attempt while the remote has no room
    std::size_t try_full_count = 1;            ///< sent in it: doubles while the remote takes them
    TimePoint last_heard;
    TimePoint ping_at;
    TimePoint ping_sent_at;
    std::uint64_t ping_token = 0;  ///< 0: no ping is under way
    TimePoint hello_until;         ///< dialling, greeting: give up then
    TimePoint hello_at;            ///< greeting: say it again then
    TimePoint up_since;
    TimePoint idle_since;
    [[nodiscard]] bool is_up() const { return state == State::up; }
    [[nodiscard]] bool has_room() const { return room > 0 && room_bytes > 0; }
  };
  /// What is known of an address in the view beyond its being there. Absent: nothing bad.
  struct Health {
    bool suspected = false;
    bool leaving = false;
    bool departed = false;  ///< said leaving, and then its connection broke: not in the view
    BootId boot;            ///< whom this is about; another boot id starts afresh
    unsigned strikes = 0;   ///< suspicions, each within 60 s of the one before
    TimePoint suspected_at;
    TimePoint answering_since = TimePoint::max();
    TimePoint probe_at;
  };
  /// What the dialler of an inbound session is to be told of a sequence number.
  struct InSlot {
    std::uint32_t held = kNone;
    bool known = false;     ///< it has come (and was not shed)
    bool has_word = false;  ///< false while its end waits for the log
    bool dirty = false;     ///< in the session's list of what is to be said
    std::uint8_t place_count = 0;
    Word word = Word::received;
    std::uint64_t place = 0;
  };
  struct Inbound {
    bool used = false;
    std::uint32_t generation = 0;
    RouteId route = 0;
    std::uint64_t session = 0;
    std::uint8_t version = 1;
    Role role = Role::peer;
    Identity remote;
    bool takes_status = false;
    bool leaving = false;
    TimePoint last_heard;
    SequenceWindow<InSlot> window;
    std::vector<std::uint64_t> dirty;
    std::uint64_t acks = 0;     ///< written
    TimePoint ack_at;           ///< no ack before, unless something makes it urgent
    bool ack_urgent = false;    ///< its dialler has asked, sends again, or has seeded
    bool told_no_room = false;  ///< its dialler was last told that there is no room
  };
  struct SeedClient {
    std::uint32_t session = 0;
    std::uint32_t generation = 0;
    std::uint64_t request = 0;
    Stage wait = Stage::accepted;
    TimePoint until;  ///< nothing more can be told of it then
  };
  /// What goes on once its line is written.
  struct PendingLog {
    LogTicket ticket = 0;
    enum class What : std::uint8_t { end, safe, receipt } what = What::end;
    std::uint32_t held = kNone;  ///< end
    EnvelopeId id;               ///< safe, receipt
    End ended = End::none;       ///< receipt
    SeededFrame receipt;
  };

  State(Identity identity, Settings given, std::uint64_t jitter_seed);

  // ---- peer.cc
  void advance(Now now);  ///< every input begins with it: clocks, and suspecting oneself first
  Outputs& flush();
  void tick();
  [[nodiscard]] TimePoint deadline() const;
  void shed(Shed::What what, std::uint64_t count = 1);
  void begin_leaving();
  [[nodiscard]] bool may_exit() const;

  // ---- peer_seeds.cc
  [[nodiscard]] SeedResult seed(const SeedRequest& request);
  void on_seed_frame(std::uint32_t session, const SeedFrame& frame);
  void tell_seed_client(EnvelopeId id, Stage stage, SeededFrame seeded);
  void forget_seed_clients();

  // ---- peer_look.cc
  [[nodiscard]] Status status() const;
  void check_invariants() const;

  // ---- peer_view.cc
  void take_names(std::span<const Address> addresses);
  void set_base(std::vector<Address> addresses);
  void rebuild_view();
  [[nodiscard]] bool has_live_link(Address address) const;
  [[nodiscard]] bool alone() const { return ring.size() == 1; }
  void suspect(Address address, BootId boot);
  void report_health(Address address, PeerHealth::State state);
  void refresh_links();  ///< dial what is missing, choose the target, report health

  // ---- peer_links.cc
  void dial(Address to);
  [[nodiscard]] HelloFrame own_hello(Address dialled) const;
  void say_hello(Link& link);
  void on_hello_answer(Link& link, const HelloFrame& frame);
  void on_link_refused(Link& link, const RefuseFrame& frame);
  void lose(Link& link, LinkDownReason reason, const std::string& detail = {});
  void restart_session(Link& link);
  void hang_up(LinkId id);
  void tick_links();
  void probe();
  void ping(Link& link, std::vector<SequenceRange> asks);
  [[nodiscard]] Link* link_by_id(LinkId id);
  [[nodiscard]] Link* link_to(Address address);
  [[nodiscard]] const Link* target_link() const;
  [[nodiscard]] Duration rto(const Link& link, unsigned expiries);

  // ---- peer_sessions.cc
  void on_hello(RouteId route, const AnyFrame& frame);
  void on_peer_leaving(Address address, BootId boot);
  [[nodiscard]] std::uint32_t session_of(RouteId route, std::uint64_t session) const;
  void drop_inbound(std::uint32_t index);
  void heard_of_peer(const HelloFrame& hello);
  [[nodiscard]] bool evict_inbound();
  void refuse(RouteId route, FrameHeader header, RefuseCode code, const std::string& reason,
              std::uint64_t request = 0);

  // ---- peer_status_frames.cc
  [[nodiscard]] std::vector<StatusNeighbour> status_neighbours() const;
  void send_status(const StatusNeighbour& neighbour, ByteView told);
  void on_status(BootId from);  ///< what `frame` holds

  // ---- peer_delivery.cc
  void on_relay(std::uint32_t session, const RelayFrame& frame);
  void accept(std::uint32_t session, std::uint64_t sequence, Address sender, ByteView bytes);
  void tie_duplicate(const Remembered& record, std::uint32_t session, std::uint64_t sequence);
  void arrive(std::uint32_t index);
  void ask_program(std::uint32_t index, bool waits);
  void on_delivered(const Delivered& result);
  void go_on(std::uint32_t index);
  void end(std::uint32_t index, End how);
  void on_end_logged(std::uint32_t index);
  void come_home(std::uint32_t index);
  void tell_end(const Envelope& envelope, End how);
  void enqueue(std::uint32_t index, bool front = false);
  void detach(Held& held);
  void let_go(std::uint32_t index, bool final);
  void confirm_safe(Held& held);
  [[nodiscard]] std::uint32_t time_left_ms(const Held& held) const;
  [[nodiscard]] bool queue_has_room(std::size_t bytes) const;
  [[nodiscard]] bool stuck() const;
  /// Lost frames leave gaps; a wider one than the room ever told can make is a mistake.
  [[nodiscard]] std::uint64_t gap_max() const { return 16'384 + 4 * settings.queue; }
  void count_in(const Held& held);
  void count_out(const Held& held);
  [[nodiscard]] std::uint64_t room_envelopes() const;
  [[nodiscard]] std::uint64_t room_bytes() const;
  [[nodiscard]] std::uint64_t own_place(CopiesOn copies_on) const {
    return places[static_cast<int>(copies_on)];
  }
  [[nodiscard]] bool mutated(Mutation mutation) const { return settings.mutation == mutation; }

  // ---- peer_acks.cc
  void on_ack(Link& link, const AckFrame& frame);
  void on_ping(std::uint32_t session, const PingFrame& frame);
  void on_ack_lost(std::uint32_t session, const AckFrame& frame);
  void update_word(std::uint32_t index);
  void set_word(const Waiter& waiter, Word word, std::uint8_t place_count, std::uint64_t place);
  void say(std::uint32_t session, std::uint64_t sequence, InSlot& slot);
  void use_room(Link& link, bool had_room);
  void take_places(Held& held, const Link& link, const AckRange& range, bool stale);
  void told_room(Inbound& session);
  void write_acks();
  [[nodiscard]] bool ack_is_due(const Inbound& session) const;
  void ask(Link& link);

  // ---- peer_relay.cc
  void hand_on();
  void hand_to_self();
  void send_from_queue(Link& link);
  [[nodiscard]] std::uint64_t oldest_unreceived(Link& link);
  void resend(Link& link);
  void resend_range(Link& link, std::uint64_t first, std::uint64_t end, std::size_t most);
  void on_relay_lost(Link& link, const RelayFrame& frame);
  void hand_back(Link& link, std::uint32_t& count);
  void expire(std::uint32_t index);
  void expire_queue();
  [[nodiscard]] std::uint32_t next_queued();
  void pop_queued(std::uint32_t index);
  [[nodiscard]] std::size_t frame_max(const Link& link) const {
    return std::min(link.frame_max.value_or(settings.frame_bytes), settings.frame_bytes);
  }
  [[nodiscard]] HandOver hand_over_of(const Held& held, Address to) const;

  void emit(Event event) { out.events.push_back(std::move(event)); }
  void act(Action action) { out.actions.push_back(std::move(action)); }
  void send(const Link& link, Bytes frame);
  void send(const Inbound& session, Bytes frame);
  [[nodiscard]] FrameHeader header(const Link& link) const { return {link.version, link.session}; }
  [[nodiscard]] FrameHeader header(const Inbound& session) const {
    return {session.version, session.session};
  }

  Identity self;
  Settings settings;
  std::uint64_t places[2];
  SplitMix jitter;
  Now now;
  TimePoint deadline_told = TimePoint::max();
  TimePoint tick_by;  // the next tick, whatever comes in until then
  Counters counters;
  Outputs out;
  Outputs handed_out;
  AnyFrame frame;  // scratch of the frame being read

  // membership
  Ring ring;
  std::vector<Address> base;       // what DNS or the fixed list says, shrinking guarded
  std::set<Address> missing_once;  // were missing in the last answer, which lost half or more
  std::set<Address> kept;          // gone from DNS, in the view while their link lives
  bool fixed_view = false;
  TimePoint view_changed_at;
  std::map<Address, Health> health;
  std::map<Address, PeerHealth::State> reported;

  // going out
  std::vector<std::unique_ptr<Link>> links;
  LinkId next_link = 1;
  /// From the boot id: two processes that follow one another at an address share no numbers, so a
  /// late frame of the first is nobody's. Below 2^53, which JSON readers keep exactly.
  std::uint64_t next_session = (fnv1a(to_string(self.boot)) >> 12) + 1;
  std::uint64_t next_token = 1;
  LinkId target = 0;  // 0: nobody to hand to
  std::optional<Address> successor_told;
  unsigned dial_width = 1;  // 1, 2, 4, 8 candidates at once while nobody answers
  TimePoint widened_at;

  // coming in
  std::vector<Inbound> inbound;
  std::vector<std::uint32_t> inbound_free;
  std::unordered_map<RouteId, std::uint32_t> inbound_by_route;
  std::map<BootId, std::uint32_t> inbound_by_boot;
  std::vector<std::uint32_t> dirty_sessions;
  bool hello_refused_said = false;  // one line a second at most
  TimePoint hello_refused_at;
  std::size_t no_room_told = 0;  // sessions with told_no_room

  // delivery
  Custody custody;
  IdMemory memory;
  std::deque<std::uint32_t> transit;  // held, state queued; transit goes before seeds
  std::deque<std::uint32_t> seeds;
  std::size_t queue_used = 0;
  std::size_t queue_used_bytes = 0;
  TimePoint moved_at;  // last time the successor took something, there was room, or a wait was over
  std::size_t over_queue_left = 0;  // taken without room until the next wait is over
  std::size_t over_queue_next = 1;
  TimePoint expire_at;
  std::deque<PendingLog> pending_logs;
  LogTicket last_ticket = 0;
  LogTicket written = 0;
  std::uint64_t next_counter = 1;
  std::uint32_t deliveries = 0;  // started; the upper half of their numbers
  std::unordered_map<std::uint64_t, SeedClient> seed_clients;  // by counter of an own id
  Bytes batch;
  Envelope scratch;

  // leaving
  bool leaving = false;
  TimePoint leaving_since;

  struct ShedLine {
    std::uint64_t count = 0;
    TimePoint last;
    bool said = false;
  };
  std::map<Shed::What, ShedLine> shed_lines;
};

}  // namespace podring
