// The application port: messages that the program beside this pod pulls, and its acknowledgements;
// everything else is what the front port answers, with /broadcast.
#pragma once

#include <functional>

#include "deliver/inbox.h"
#include "http/message.h"
#include "http/routes.h"

namespace podring::http {

class AppRoutes {
 public:
  /// `inbox` is nullptr when messages are pushed.
  AppRoutes(FrontRoutes& front, deliver::Inbox* inbox, std::function<bool()> stop)
      : front_{front}, inbox_{inbox}, stop_{std::move(stop)} {}

  /// Thread-safe; GET /inbox waits as long as the request asks.
  [[nodiscard]] Reply handle(const Request& request);

 private:
  [[nodiscard]] Reply get_inbox(const Request& request);
  [[nodiscard]] Reply post_acks(const Request& request);

  FrontRoutes& front_;
  deliver::Inbox* inbox_;
  const std::function<bool()> stop_;
};

}  // namespace podring::http
