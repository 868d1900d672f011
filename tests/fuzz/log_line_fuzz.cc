// proto-docs/log-lines.md: any bytes as lines of a log, each read by a reader that has read others.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "verify_logs/log_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace podring::verify;  // NOLINT(google-build-using-namespace): the subject
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  LineReader reader;
  LogLine line;
  while (!rest.empty()) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    // What the reader is promised, and not a byte more.
    std::vector<char> exact(text.begin(), text.end());
    exact.resize(text.size() + 64, ' ');
    if (reader.read({exact.data(), text.size()}, exact.size(), line) != ReadResult::line) continue;
    PODRING_CHECK(!line.event.empty());
    PODRING_CHECK(line.boot.value != 0);
    PODRING_CHECK(line.pod.size() <= text.size());
    PODRING_CHECK(line.trace_names <= text.size());
  }
  return 0;
}
