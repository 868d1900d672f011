// Who this peer is, by which settings it works, and whether it is leaving: what it tells others
// about itself in `hello`. No part of the peer but leave() changes it.
#pragma once

#include <optional>

#include "core/codec.h"
#include "core/credit.h"
#include "core/settings.h"
#include "core/types.h"

namespace podring {

class Local {
 public:
  /// Checks what must be true of any identity and settings.
  Local(Identity who, Settings rules);

  [[nodiscard]] Address address() const { return identity.address; }
  [[nodiscard]] std::uint64_t site(CopiesOn copies_on) const {
    return sites_[static_cast<int>(copies_on)];
  }
  [[nodiscard]] bool leaving() const { return leaving_since.has_value(); }
  /// What this peer says of itself, whether it greets or answers.
  [[nodiscard]] HelloFrame hello(Address dialled, Credit credit) const;
  /// The version that both speak; nullopt: there is none.
  [[nodiscard]] std::optional<std::uint8_t> common_version(const HelloFrame& other) const;

  const Identity identity;
  const Settings settings;
  std::optional<TimePoint> leaving_since;

 private:
  const std::uint64_t sites_[2];  // by CopiesOn
};

}  // namespace podring
