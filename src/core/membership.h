// Who is in the ring, who of them may be handed to, and who is the successor. In: names, and what
// links show of the peers at their ends. Out: the view, whom to dial and to probe, the successor;
// and the events that say so. It knows no frames and no links: those come as values (Contacts).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/health_table.h"
#include "core/settings.h"
#include "core/turn.h"
#include "core/view.h"

namespace podring {

/// Whom this peer is in contact with, by address.
struct Contacts {
  struct Link {
    Address to;
    bool up = false;  ///< greeted, and not lost
  };
  std::vector<Link> links;        ///< outgoing, each address once
  std::vector<Address> diallers;  ///< that were heard of within the suspicion time and stay
  [[nodiscard]] const Link* link_to(Address address) const;
  [[nodiscard]] bool is_live(Address address) const;
};

class Membership {
 public:
  static constexpr Duration kMemberFor = std::chrono::seconds{60};
  static constexpr std::size_t kFormerMax = 10'000;

  Membership(Address self, const Settings& settings, Turn& turn)
      : self_{self}, settings_{settings}, turn_{turn}, view_{self} {}

  // ---- names. True: the view has changed, and with it whom to dial.
  bool take_names(std::span<const Address> addresses, const Contacts& contacts);
  bool set_fixed(std::span<const Address> addresses, const Contacts& contacts);
  bool drop_dead(const Contacts& contacts);  ///< to be asked now and then

  // ---- what links show
  void on_up(Address address, BootId boot, bool leaving, const Contacts& contacts);
  struct Loss {
    Address address;
    BootId boot;  ///< 0: it never said hello
    bool was_up = false;
    bool refused = false;  ///< it answered, and will not have this peer
    bool broken = false;   ///< the connection broke
  };
  /// The link is gone already. True: it was news that nobody answers there.
  bool on_lost(const Loss& loss, const Contacts& contacts);
  /// Somebody says hello from there. True: something was known of the address.
  bool on_hello(Address address, BootId boot, bool leaving, const Contacts& contacts);
  bool on_leaving(Address address, BootId boot);  ///< true: that is news
  /// The link is up and was heard of. True: the peer is taken back.
  bool on_answering(Address address);

  // ---- what follows
  struct Choice {
    std::optional<Address> successor;  ///< nobody: there is no link to hand on to
    std::vector<Address> dial;
  };
  /// The best link that is up, and whom to dial in front of it; reports whom that passes over.
  [[nodiscard]] Choice choose(const Contacts& contacts);
  /// The choice was carried out.
  void set_successor(std::optional<Address> successor);
  /// Those who may be back and are due, a few at a time: the nearest, who would be handed to first,
  /// and of the others who has waited the longest, so that many dead ones in front hide nobody.
  [[nodiscard]] std::vector<Address> take_probes(const Contacts& contacts);
  [[nodiscard]] TimePoint next_probe() const { return health_.next_probe(turn_.steady()); }

  /// It is in the view, or was less than kMemberFor ago: views lag.
  [[nodiscard]] bool is_member(Address address) const;

  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] const Ring& ring() const { return view_.ring(); }
  [[nodiscard]] bool alone() const { return ring().size() == 1; }
  [[nodiscard]] const HealthTable& health() const { return health_; }
  [[nodiscard]] std::optional<Address> successor() const { return successor_; }

 private:
  enum class Rank : std::uint8_t { healthy, leaving, on_probation, none };
  struct Best {
    std::optional<Address> address;
    Rank rank = Rank::none;
  };
  struct Candidates {
    std::vector<Address> healthy;  ///< to be dialled
    std::optional<Address> leaving;
    std::vector<Address> passed_over;
  };
  [[nodiscard]] Candidates candidates_before(const Best& best) const;
  [[nodiscard]] Rank rank_of(Address address) const;
  [[nodiscard]] Best best_link(const Contacts& contacts) const;
  [[nodiscard]] bool is_nearer(Address a, Address b) const;
  [[nodiscard]] bool is_live(Address address, const Contacts& contacts) const;
  bool set_names(std::vector<Address> names, const Contacts& contacts);
  bool rebuild(const Contacts& contacts);
  void report(Address address, PeerHealth::State state);
  void report_passed_over(std::span<const Address> passed_over, Address best);
  void widen(const Loss& loss);

  const Address self_;
  const Settings& settings_;
  Turn& turn_;
  View view_;
  HealthTable health_;
  bool fixed_ = false;
  std::map<Address, PeerHealth::State> reported_;
  std::map<Address, TimePoint> former_;  // members, and until when they count as such
  std::optional<Address> successor_;     // as last reported
  unsigned dial_width_ = 1;              // 1, 2, 4, 8 candidates at once while nobody answers
  TimePoint widened_at_;
};

}  // namespace podring
