// proto-docs/openapi.yaml, POST /messages: any bytes as a body. What is taken is inside its bounds;
// what is refused is told in valid JSON.
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "core/check.h"
#include "core/envelope.h"
#include "http/json_text.h"
#include "http/message.h"
#include "http/seed_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace podring::http;  // NOLINT(google-build-using-namespace): the subject
  const auto read = read_seed_body(std::string{reinterpret_cast<const char*>(data), size});
  if (const auto* wrong = std::get_if<BodyError>(&read)) {
    PODRING_CHECK(!wrong->detail.empty());
    PODRING_CHECK(is_utf8(error_reply(400, "bad_request", wrong->detail).body));
    return 0;
  }
  const auto& body = std::get<SeedBody>(read);
  PODRING_CHECK(!body.key || is_utf8(*body.key));
  PODRING_CHECK(body.order.message.size() <= size);
  PODRING_CHECK(body.order.count >= 1 && body.order.count <= kCountMax);
  PODRING_CHECK(!(body.order.hops && body.order.laps));
  PODRING_CHECK(!body.order.hops ||
                (*body.order.hops >= 1 && *body.order.hops <= podring::kHopsMax));
  PODRING_CHECK(!body.order.laps ||
                (*body.order.laps >= 1 && *body.order.laps <= podring::kLapsMax));
  PODRING_CHECK(!body.key || body.key->size() <= podring::kKeyBytesMax);
  PODRING_CHECK(body.wait_for.count() >= 0 && body.wait_for.count() <= kWaitMsMax);
  return 0;
}
