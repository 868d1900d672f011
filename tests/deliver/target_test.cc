#include "deliver/target.h"

#include "support/catch.h"

using podring::deliver::parse_target, podring::deliver::Target;

namespace {

std::string refusal(std::string_view url, bool others = false) {
  const auto parsed = parse_target(url, others);
  return std::holds_alternative<std::string>(parsed) ? std::get<std::string>(parsed) : "";
}

}  // namespace

TEST_CASE("a URL of this pod is a target", "[deliver]") {
  const auto target = std::get<Target>(parse_target("http://127.0.0.1:8000/in?x=1", false));
  CHECK(target.url() == "http://127.0.0.1:8000/in?x=1");
  CHECK(std::get<Target>(parse_target(std::string{"http:"} + "//[::1]:8000", false)).url() ==
        std::string{"http:"} + "//[::1]:8000/");
  CHECK(std::get<Target>(parse_target("http://localhost", false)).port == 80);
  CHECK(std::get<Target>(parse_target("https://10.0.0.1/x", true)).port == 443);
}

TEST_CASE("what is no target is refused with what to change", "[deliver]") {
  CHECK(refusal("http://10.0.0.1:8000/").find("--deliver-to-other-hosts") != std::string::npos);
  CHECK(refusal("http://localhost.evil.example/").find("not this pod") != std::string::npos);
  CHECK(refusal("ftp://127.0.0.1/").find("http://") != std::string::npos);
  CHECK(refusal("127.0.0.1:8000").find("write it like") != std::string::npos);
  CHECK(refusal("").find("write it like") != std::string::npos);
  CHECK(refusal(std::string{"http:"} + "//user@127.0.0.1/").find("user") != std::string::npos);
  CHECK(refusal("http://127.0.0.1/#x").find("fragment") != std::string::npos);
  CHECK(refusal("http://127.0.0.1/a b").find("blanks") != std::string::npos);
  CHECK(refusal("http://127.0.0.1:99999/").find("no URL") != std::string::npos);
}
