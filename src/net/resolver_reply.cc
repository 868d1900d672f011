// ares_query() and ares_parse_*_reply() are the only calls that c-ares 1.18 and 1.34 share and that
// show the TC bit of an answer by TCP; the newer one calls them deprecated.
#define CARES_NO_DEPRECATED
#include "net/resolver_reply.h"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <limits>

namespace podring {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr unsigned char kTruncatedBit = 0x02;  // of the header's third byte

Address address_of(const ares_addrttl& record) { return Address::v4(ntohl(record.ipaddr.s_addr)); }

Address address_of(const ares_addr6ttl& record) {
  Address address;
  const auto& bytes = record.ip6addr._S6_un._S6_u8;
  for (std::size_t i = 0; i < 8; ++i) address.high = (address.high << 8) | bytes[i];
  for (std::size_t i = 8; i < 16; ++i) address.low = (address.low << 8) | bytes[i];
  return address;
}

template <typename Record, typename Parse>
int read_records(std::span<const unsigned char> reply, const ResolverSettings& settings,
                 Parse parse, NameAnswer& answer) {
  const std::size_t records_max = settings.addresses_max + 1;
  std::vector<Record> records(records_max);
  int count = static_cast<int>(records_max);
  const int status =
      parse(reply.data(), static_cast<int>(reply.size()), nullptr, records.data(), &count);
  if (status != ARES_SUCCESS) return status;
  records.resize(static_cast<std::size_t>(std::max(count, 0)));
  std::uint32_t ttl_min = std::numeric_limits<std::uint32_t>::max();
  for (const Record& record : records) {
    const Address address = address_of(record);
    if (address.is_unspecified()) continue;        // nobody's
    if (address.is_v4() != settings.v4) continue;  // ::ffff:a.b.c.d is of the other family
    answer.addresses.push_back(address);
    ttl_min = std::min(ttl_min, static_cast<std::uint32_t>(std::max(record.ttl, 0)));
  }
  if (!answer.addresses.empty()) answer.ttl_s = ttl_min;
  return status;
}

NameAnswer unknown(std::string detail) {
  NameAnswer answer;
  answer.detail = std::move(detail);
  return answer;
}

}  // namespace

NameAnswer read_reply(int status, std::span<const unsigned char> reply,
                      const ResolverSettings& settings) {
  NameAnswer answer;
  const bool has_header = reply.size() >= kHeaderBytes;
  if (has_header && (reply[2] & kTruncatedBit) != 0) {  // whatever is left in it
    answer = unknown("the answer is cut even by TCP");
    answer.cut = true;
    return answer;
  }
  if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
    answer.outcome = NameAnswer::Outcome::empty;
    return answer;
  }
  if (status != ARES_SUCCESS) return unknown(ares_strerror(status));
  if (!has_header) return unknown("the answer is no DNS message");

  status = settings.v4
               ? read_records<ares_addrttl>(reply, settings, ares_parse_a_reply, answer)
               : read_records<ares_addr6ttl>(reply, settings, ares_parse_aaaa_reply, answer);
  if (status == ARES_ENODATA) {  // a name that leads nowhere
    answer.outcome = NameAnswer::Outcome::empty;
    return answer;
  }
  if (status != ARES_SUCCESS) {
    return unknown(std::string{"the answer cannot be read: "} + ares_strerror(status));
  }
  if (answer.addresses.size() > settings.addresses_max) {
    answer = unknown("the answer has more than " + std::to_string(settings.addresses_max) +
                     " addresses");
    answer.cut = true;
    return answer;
  }
  if (answer.addresses.empty()) return unknown("the answer has no address that can be dialled");
  std::sort(answer.addresses.begin(), answer.addresses.end());
  answer.addresses.erase(std::unique(answer.addresses.begin(), answer.addresses.end()),
                         answer.addresses.end());
  answer.outcome = NameAnswer::Outcome::answer;
  return answer;
}

}  // namespace podring
