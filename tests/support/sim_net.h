// Many core::Peers in one process, on one virtual clock, with everything decided by one number.
//
// A *process* is one run of podring (a boot id); it sits on a *host* (an address), where another
// may follow it. Frames travel on directed links that delay, and on the datagram lane also lose,
// double and reorder. Tests script faults by hand; tests/sim draws them at random. The oracle
// (sim_oracle.h) watches every turn; the first thing that is wrong stops the clock.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/codec.h"
#include "core/peer.h"
#include "core/random.h"
#include "core/status_exchange.h"
#include "lane/lane.h"
#include "support/sim_events.h"

namespace podring::sim {

using Pid = int;   ///< a process: 0, 1, ... in the order of starting; never used twice
using Host = int;  ///< an address: 0, 1, ... ascending

enum class Lane : std::uint8_t {
  stream,    ///< as ZeroMQ: in order on each connection; loses only when a connection breaks
  datagram,  ///< as UDP: each frame on its own; may be lost, doubled, overtaken
};
enum class Death : std::uint8_t {
  process,  ///< the host closes its connections: everybody is told
  host,     ///< nobody is told anything
};

/// What is wrong with the way from one host to another; default: nothing.
struct Way {
  bool cut = false;             ///< stream: frames wait until it heals; datagram: they are lost
  std::uint32_t loss_pm = 0;    ///< per mille, datagram only
  std::uint32_t double_pm = 0;  ///< per mille, datagram only
  Duration extra{};             ///< added to each delay; not to lanes' datagrams
  // What only datagrams of lanes meet; loss and doubling as above.
  bool datagrams_cut = false;      ///< they are lost, and the stream goes on
  std::uint32_t forge_pm = 0;      ///< per mille: a stranger sends one as well
  std::uint32_t damage_pm = 0;     ///< per mille: arrives damaged, if that can be seen, or not
  std::uint32_t datagram_max = 0;  ///< bytes; larger ones vanish; 0: none does
  Duration datagram_spread{};      ///< added at most to each delay, so that they are overtaken
};

struct NetOptions {
  std::uint64_t seed = 1;
  Lane lane = Lane::stream;
  Duration delay_min = std::chrono::microseconds{100};
  Duration delay_max = std::chrono::milliseconds{1};
  std::uint32_t loss_pm = 0;
  std::uint32_t double_pm = 0;
  Duration names_lag_max{};  ///< an answer is as old as this at most, drawn for each answer
  bool lanes = false;        ///< with Lane::stream: datagram lanes beside the connections
  bool names = false;        ///< peers ask the simulated DNS; off: tests answer by hand
  bool statuses = false;     ///< peers tell everybody about themselves, where their settings allow
  bool check_peers = true;   ///< Peer::check_invariants() after every turn
  bool check_steps = true;   ///< every hand-over goes to the next of the view that is not down
  bool check_traces = true;  ///< every trace at every visit: costs a hop its length
  std::function<void(const std::string&)> trace;  ///< a line for everything that happens
};

/// The program beside a process, which is asked about each visit.
struct ProgramOptions {
  Duration answer_min = std::chrono::milliseconds{1};
  Duration answer_max = std::chrono::milliseconds{3};
  std::uint32_t refuse_pm = 0;                 ///< per mille: says no, with a status
  std::uint32_t ignore_pm = 0;                 ///< per mille: never answers
  Duration timeout = std::chrono::seconds{5};  ///< then the peer gives it up
  bool hung = false;                           ///< answers nothing at present
  bool away = false;                           ///< nobody listens; messages pass at once
};

struct ProcessOptions {
  Settings settings;
  std::string node;         ///< empty: a node of its own
  Duration service{};       ///< a turn takes this long; what comes meanwhile waits (slow peer)
  Duration tick_lag_max{};  ///< timers fire this late at most
  Duration log_delay{};     ///< from writing a line to on_logged()
  bool datagrams = true;    ///< it has lanes where NetOptions::lanes is set
  std::uint32_t lane_window = 256 * 1024;  ///< bytes; of each of its lanes
  std::uint32_t datagram_max = 8952;       ///< bytes that it takes
  std::optional<ProgramOptions> program;   ///< with settings.deliver
};

/// What a filter does with a frame that is being sent.
enum class Fate : std::uint8_t { pass, drop, hold };
struct FrameInfo {
  Pid from = 0;
  Host to = 0;
  bool to_dialler = false;  ///< an answer on an inbound session
  const AnyFrame* frame = nullptr;
};

struct Failure {
  std::string invariant;  ///< its short name
  std::string text;
};

class Oracle;

/// Frames that one direction of a connection's lane has taken, by hash.
struct LaneFrames {
  std::unordered_multiset<std::uint64_t> to_come;      ///< not arrived, reported lost or not
  std::unordered_multiset<std::uint64_t> open;         ///< neither arrived nor reported lost
  std::vector<std::pair<SendId, std::uint64_t>> sent;  ///< all, with their hashes
};
struct TokenLess {
  bool operator()(const LaneToken& a, const LaneToken& b) const { return a.bytes < b.bytes; }
};

class SimNet {
 public:
  explicit SimNet(NetOptions options);
  ~SimNet();
  SimNet(const SimNet&) = delete;
  SimNet& operator=(const SimNet&) = delete;

  // ---- processes
  Pid start(Host host, ProcessOptions options);
  void crash(Pid pid, Death death);
  void pause(Pid pid);
  void resume(Pid pid);
  void block_log(Pid pid);
  void unblock_log(Pid pid);
  void set_service(Pid pid, Duration service, Duration tick_lag_max);
  /// SIGTERM; the process exits when it may, or when `grace` is over.
  void leave(Pid pid, Duration grace);
  SeedResult seed(Pid pid, const SeedRequest& request);
  /// A frame that no peer has sent comes to `to` over a connection of a stranger's at `from`.
  void forge(Host from, RouteId route, Pid to, Bytes frame);
  /// The program beside it; only with ProcessOptions::program. For what is asked from now on.
  ProgramOptions& program(Pid pid) { return *process(pid).options.program; }

  /// Called for every event, before the oracle; may plan (at()), not act.
  std::function<void(Pid, const Event&)> on_event;

  // ---- the network
  void set_loss(std::uint32_t loss_pm, std::uint32_t double_pm);  ///< on every way
  Way& way(Host from, Host to);
  /// After a change of `cut` from true to false: what waited goes on.
  void healed(Host from, Host to);
  void heal_all();
  /// Both ends lose what is under way; the dialler is told.
  void break_connections(Host a, Host b);
  std::function<Fate(const FrameInfo&)> filter;  ///< empty: everything passes
  /// Frames that the filter held go on, in the order of sending, past any filter.
  void release_held();
  void release_held(Pid from, Host to);
  [[nodiscard]] std::size_t held_frames() const { return held_frames_.size(); }

  // ---- names
  void set_listed(Host host, bool listed);
  void set_names_lag(Duration lag_max) { options_.names_lag_max = lag_max; }
  void answer(Pid pid, const std::vector<Host>& hosts);     ///< one DNS answer, by hand
  void set_fixed(Pid pid, const std::vector<Host>& hosts);  ///< Peer::set_fixed_view
  /// Asked for each answer; may change it. nullopt: the lookup failed.
  std::function<std::optional<std::vector<Address>>(Pid, std::vector<Address>)> names_fault;

  // ---- time
  void run_for(Duration duration);
  /// False when `bound` passed first, or something is wrong.
  bool run_until(const std::function<bool()>& condition, Duration bound);
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Called at `at`, between turns.
  void at(TimePoint at, std::function<void()> script);

  // ---- looking
  [[nodiscard]] int processes() const { return static_cast<int>(processes_.size()); }
  [[nodiscard]] bool alive(Pid pid) const { return process(pid).alive; }
  [[nodiscard]] bool paused(Pid pid) const { return process(pid).paused; }
  [[nodiscard]] bool leaving(Pid pid) const { return process(pid).leaving; }
  [[nodiscard]] bool log_blocked(Pid pid) const { return process(pid).log_blocked; }
  [[nodiscard]] Peer& peer(Pid pid) { return *processes_[static_cast<std::size_t>(pid)].peer; }
  [[nodiscard]] const Peer& peer(Pid pid) const { return *process(pid).peer; }
  [[nodiscard]] Status status(Pid pid) const { return peer(pid).status(now_of(process(pid))); }
  /// What it knows of everybody; nullptr: it takes no part in that.
  [[nodiscard]] const StatusTable* statuses(Pid pid) const {
    return process(pid).exchange ? &process(pid).exchange->table() : nullptr;
  }
  [[nodiscard]] const Settings& settings(Pid pid) const { return process(pid).options.settings; }
  [[nodiscard]] Host host(Pid pid) const { return process(pid).host; }
  [[nodiscard]] const std::string& name(Pid pid) const { return process(pid).name; }
  [[nodiscard]] Pid pid_of(const std::string& name) const;
  [[nodiscard]] Pid pid_of(BootId boot) const;               ///< -1: nobody's
  [[nodiscard]] Pid pid_at(Host host) const;                 ///< -1: nobody lives there
  [[nodiscard]] std::string name_of(Address address) const;  ///< of the host: "C"
  [[nodiscard]] std::string name_of(EnvelopeId id) const;    ///< "C#4"
  [[nodiscard]] std::vector<Pid> live() const;
  /// The stream lane: a connection that `dialler` opened to `acceptor` is whole at both ends.
  [[nodiscard]] bool connected(Pid dialler, Pid acceptor) const;
  /// The datagram lane to an address; nullopt: there is none.
  [[nodiscard]] std::optional<lane::LaneFigures> lane(Pid pid, Address to) const;
  [[nodiscard]] std::string describe_lanes() const;
  [[nodiscard]] bool has_lanes(Pid pid) const { return process(pid).lanes != nullptr; }
  /// Frames that lanes have taken, since the beginning.
  [[nodiscard]] std::uint64_t lane_frames_taken() const { return lane_frames_taken_; }
  /// Frames that lanes of living sessions have taken, and that neither arrived nor came back.
  [[nodiscard]] std::size_t lane_frames_open() const;
  [[nodiscard]] Oracle& oracle() { return *oracle_; }
  [[nodiscard]] const Oracle& oracle() const { return *oracle_; }
  [[nodiscard]] const NetOptions& options() const { return options_; }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  void fail(std::string invariant, std::string text);
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  [[nodiscard]] const Outstanding& acks_under_way() const { return acks_under_way_; }

  [[nodiscard]] static Address address_of(Host host);
  [[nodiscard]] static Host host_of(Address address);
  [[nodiscard]] static std::string host_name(Host host);
  void say(const std::string& line);
  [[nodiscard]] bool tracing() const { return static_cast<bool>(options_.trace); }

 private:
  class LanesOf;
  struct Item {  // what waits to be read by a process
    enum class Kind : std::uint8_t { connected, broken, link_frame, route_frame, datagram } kind{};
    std::uint32_t number = 0;  // link or route
    Address from{};
    Bytes bytes{};
    std::uint64_t ack = Outstanding::kNone;
    std::shared_ptr<void> hold{};  // as `ack`, for a datagram of a lane and its doubles
  };
  struct Process {
    std::unique_ptr<Peer> peer;
    std::unique_ptr<LanesOf> lanes;
    std::unique_ptr<StatusExchange> exchange;
    ProcessOptions options;
    std::string name;
    Host host = 0;
    Duration offset{};  // of its own steady clock
    bool alive = true;
    bool paused = false;
    TimePoint awake_since{};
    bool leaving = false;
    bool log_blocked = false;
    bool tick_due = false;  // a timer went off while paused or busy
    TimePoint exit_at = TimePoint::max();
    TimePoint busy_until{};
    TimePoint tick_at = TimePoint::max();
    TimePoint last_tick{};
    int ticks_at_once = 0;
    std::vector<Item> inbox;
    std::vector<Delivered> answers;  // of its program, not read yet
    std::vector<Event> unwritten;    // while the log is blocked
    LogTicket tickets = 0;           // written
    LogTicket told = 0;              // on_logged() was called for it; without a delay only
    LogTicket logged_due = 0;        // on_logged() is due
    std::vector<std::pair<LinkId, std::uint32_t>> links;       // open: link, connection or host
    std::unordered_map<RouteId, std::uint32_t> routes;         // route, connection or host
    std::unordered_map<std::uint32_t, RouteId> route_of_host;  // datagram lane
    RouteId next_route = 1;
  };
  struct Wire {  // one direction of a connection
    std::deque<Item> queue;
    TimePoint last{};
    std::uint32_t stalled = 0;  // arrivals that wait for the way to heal
  };
  struct Connection {
    Pid dialler = -1;
    Pid acceptor = -1;
    LinkId link = 0;
    RouteId route = 0;
    Host from = 0;
    Host to = 0;
    bool open = true;  // at the dialler's end
    Wire out;          // to the acceptor
    Wire back;
    LaneFrames out_frames;
    LaneFrames back_frames;
  };
  struct Plan {  // an event to come
    enum class Kind : std::uint8_t {
      connect,
      arrival_out,
      arrival_back,
      datagram,
      packet,  // a datagram of a lane
      tick,
      wake,
      names,
      logged,
      exit,
      script
    } kind{};
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    Item item{};
    std::function<void()> script{};
  };
  struct HeldFrame {
    Pid from = 0;
    Host to = 0;
    std::uint32_t number = 0;
    bool to_dialler = false;
    Bytes bytes;
  };

  [[nodiscard]] const Process& process(Pid pid) const {
    return processes_[static_cast<std::size_t>(pid)];
  }
  [[nodiscard]] Process& process(Pid pid) { return processes_[static_cast<std::size_t>(pid)]; }
  [[nodiscard]] Now now_of(const Process& process) const;
  void step(TimePoint until);
  void carry_out(Plan& plan);

  // sim_net.cc: turns
  void deliver(Pid pid, Item item);
  void feed(Process& process, Item& item);
  void finish_turn(Pid pid);
  void tell_statuses(Process& teller);
  void take_events(Pid pid, std::vector<Event>& events);
  void written(Pid pid, const Event& event);
  void catch_up(Pid pid);
  void on_tick(Pid pid);
  void exit(Pid pid);
  void gone(Pid pid, Death death);

  // sim_programs.cc: the programs beside the peers
  void ask_program(Pid pid, Deliver& question);

  // sim_wires.cc: links
  void act(Pid pid, Action& action);
  void dial(Pid pid, LinkId link, Address to);
  void hang_up(Pid pid, LinkId link);
  void connect(std::uint32_t connection);
  void transmit(Pid pid, std::uint32_t number, bool to_dialler, Bytes bytes, bool filtered);
  void release(HeldFrame& held);
  void send_datagram(Host from, Host to, bool to_dialler, Bytes bytes);
  void arrive_datagram(Plan& plan);
  [[nodiscard]] bool find_connection(Process& reader, Item& item);
  [[nodiscard]] static const std::uint32_t* connection_of(const Process& owner,
                                                          std::uint32_t number, bool to_dialler);
  void enqueue(std::uint32_t connection, bool back, Item item);
  void arrival(std::uint32_t connection, bool back);
  void close_connections_of(Pid pid, Death death);
  void drop_queue(Wire& wire);
  [[nodiscard]] Duration delay(Host from, Host to);
  [[nodiscard]] const Way& way_of(Host from, Host to) const;

  // sim_lanes.cc: datagrams of lanes
  [[nodiscard]] LaneToken draw_token();
  [[nodiscard]] std::shared_ptr<void> hold_ack();
  void send_packet(Host from, Host to, const Bytes& bytes, const std::shared_ptr<void>& ack);
  [[nodiscard]] Bytes forged(const Bytes& bytes);
  [[nodiscard]] std::optional<Bytes> damaged(Bytes bytes);
  void arrive_packet(Plan& plan);

  // sim_names.cc: DNS
  void ask_names(Pid pid);
  [[nodiscard]] std::vector<Address> listed_at(TimePoint at) const;

  // sim_trace.cc
  void trace_event(Pid pid, const Event& event);
  void trace_frame(Pid from, Host to, bool to_dialler, const Bytes& bytes, const char* verb);

  NetOptions options_;
  static constexpr std::size_t kSocketWindows = 4;  // of a lane, fit into a socket's buffer

  SplitMix random_;
  SplitMix lane_random_;
  SplitMix program_random_;
  TimePoint now_{};
  std::uint64_t turns_ = 0;
  std::uint64_t lane_frames_taken_ = 0;
  Outstanding acks_under_way_;                   // outlives what holds its numbers
  std::map<LaneToken, bool, TokenLess> tokens_;  // drawn; true: a datagram arrived with it
  EventHeap<Plan> plans_;
  std::deque<Process> processes_;
  std::vector<Connection> connections_;
  std::unordered_map<std::uint64_t, Way> ways_;
  std::vector<Pid> at_host_;         // by host; -1: nobody
  std::vector<bool> host_silent_;    // by host: the machine is gone, nobody answers
  std::vector<int> starts_at_host_;  // by host
  std::vector<std::vector<std::pair<TimePoint, bool>>> listed_;  // by host: changes in time
  std::map<std::string, Pid> by_name_;
  std::map<BootId, Pid> by_boot_;
  std::deque<HeldFrame> held_frames_;
  AnyFrame scratch_;
  std::optional<Failure> failure_;
  std::unique_ptr<Oracle> oracle_;
};

}  // namespace podring::sim
