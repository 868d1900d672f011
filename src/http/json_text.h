// Writes JSON, always valid: bytes that are not UTF-8 become U+FFFD, so one peer's bad name never
// spoils an answer. Commas are placed by the writer.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace podring::http {

/// True when `text` is well-formed UTF-8 (no overlong forms, no surrogates).
[[nodiscard]] bool is_utf8(std::string_view text);

class JsonText {
 public:
  JsonText& open_object() { return open('{'); }
  JsonText& close_object() { return close('}'); }
  JsonText& open_array() { return open('['); }
  JsonText& close_array() { return close(']'); }

  JsonText& key(std::string_view name);
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view{text}); }
  JsonText& value(bool flag) { return word(flag ? "true" : "false"); }
  JsonText& null() { return word("null"); }
  JsonText& value(std::integral auto number) { return word(std::to_string(number)); }
  /// `json` is taken as it is.
  JsonText& raw(std::string_view json) { return word(json); }

  template <typename T>
  JsonText& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  JsonText& word(std::string_view json);
  void separate();

  std::string text_;
  bool first_ = true;
};

/// For text nodes and attribute values of the page.
[[nodiscard]] std::string html_escaped(std::string_view text);

}  // namespace podring::http
