// What every route looks at first: the method and the query.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "http/message.h"

namespace podring::http {

/// The answer when the method is not one of `allowed` ("GET, HEAD"); OPTIONS lists them.
[[nodiscard]] std::optional<Reply> check_method(const Request& request, std::string_view allowed);
/// 400 when the query has names that the route does not know.
[[nodiscard]] std::optional<Reply> check_query(const Request& request,
                                               std::initializer_list<std::string_view> known);
/// A number of the query within its bounds, or what is wrong with it.
[[nodiscard]] std::variant<std::size_t, Reply> query_number(const Request& request,
                                                            const std::string& name,
                                                            std::size_t otherwise, std::size_t min,
                                                            std::size_t max);

}  // namespace podring::http
