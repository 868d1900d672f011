#include "core/local.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace podring {

Local::Local(Identity who, Settings rules)
    : identity{std::move(who)},
      settings{std::move(rules)},
      sites_{site_of(identity, CopiesOn::peers), site_of(identity, CopiesOn::nodes)} {
  PODRING_CHECK(identity.boot.value != 0 && settings.copies >= 1 && settings.copies <= 3 &&
                settings.queue >= 2);
}

HelloFrame Local::hello(Address dialled, Credit credit) const {
  HelloFrame hello;
  hello.version_min = settings.version_min;
  hello.version_max = settings.version_max;
  hello.ring = settings.ring;
  hello.identity = identity;
  hello.dialled = dialled;
  hello.leaving = leaving();
  hello.credit_envelopes = credit.envelopes;
  hello.credit_bytes = credit.bytes;
  hello.takes_status = settings.takes_status;
  return hello;
}

std::optional<std::uint8_t> Local::common_version(const HelloFrame& other) const {
  const std::uint8_t version = std::min(other.version_max, settings.version_max);
  if (version < std::max(other.version_min, settings.version_min)) return std::nullopt;
  return version;
}

}  // namespace podring
