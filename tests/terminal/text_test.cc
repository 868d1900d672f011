// What every program writes on a terminal: short figures, columns that line up, no control
// characters.
#include "terminal/text.h"

#include "support/catch.h"

using namespace podring::terminal;  // NOLINT(google-build-using-namespace): the subject
using namespace std::chrono_literals;

TEST_CASE("durations and numbers are short enough to read", "[terminal]") {
  CHECK(shown(412us) == "0.412 ms");
  CHECK(shown(1240us) == "1.24 ms");
  CHECK(shown(12'400us) == "12.4 ms");
  CHECK(shown(124ms) == "124 ms");
  CHECK(shown(1240ms) == "1.24 s");
  CHECK(shown(60s) == "60.0 s");
  CHECK(shown_bytes(1023) == "1023 B");
  CHECK(shown_bytes(1024) == "1.00 KiB");
  CHECK(shown_bytes(1'000'000) == "977 KiB");
  CHECK(shown_bytes(std::uint64_t{5} << 29) == "2.50 GiB");
  CHECK(shown_bytes(UINT64_MAX) == "16384 PiB");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'234'567) == "1,234,567");
}

TEST_CASE("columns are counted in characters", "[terminal]") {
  CHECK(columns_of("pod-\xc3\xa9") == 5);
  CHECK(padded("\xc3\xa9", 3) == "\xc3\xa9  ");
  CHECK(padded("7", 3, /*right=*/true) == "  7");
  CHECK(padded("pod-1", 3) == "pod-1");
}

TEST_CASE("ages are whole units of which there are two or more", "[terminal]") {
  CHECK(shown_coarsely(0s) == "0 s");
  CHECK(shown_coarsely(119'999ms) == "119 s");
  CHECK(shown_coarsely(2min) == "2 min");
  CHECK(shown_coarsely(119min) == "119 min");
  CHECK(shown_coarsely(47h) == "47 h");
  CHECK(shown_coarsely(75h) == "3 d");
}

TEST_CASE("what is too long is cut between characters, and says so", "[terminal]") {
  CHECK(shortened("pod-1", 5) == "pod-1");
  CHECK(shortened("pod-123", 6) == "pod-..");
  CHECK(shortened("pod-123", 6, /*keep_end=*/true) == "..-123");
  CHECK(shortened("a\xc3\xa9\xc3\xa9\xc3\xa9"
                  "b",
                  4) == "a\xc3\xa9..");
  CHECK(shortened("a\xc3\xa9\xc3\xa9\xc3\xa9"
                  "b",
                  4, /*keep_end=*/true) ==
        "..\xc3\xa9"
        "b");
  CHECK(shortened("abc", 2) == "..");
}

TEST_CASE("lines are broken at blanks", "[terminal]") {
  using Lines = std::vector<std::string>;
  CHECK(wrapped("one two three", 7) == Lines{"one two", "three"});
  CHECK(wrapped("one two three", 13) == Lines{"one two three"});
  CHECK(wrapped("a longerthanthat b", 5) == Lines{"a", "longerthanthat", "b"});
  CHECK(wrapped("\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9", 5) ==
        Lines{"\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9"});
  CHECK(wrapped("", 5) == Lines{""});
}

TEST_CASE("what other machines send cannot drive the terminal", "[terminal]") {
  CHECK(printable("\x1b[2Jpod\n").find_first_of("\x1b\n") == std::string::npos);
  CHECK(printable("\xc2\x9b"
                  "2J")
            .find('\x9b') == std::string::npos);  // CSI as one character
}
