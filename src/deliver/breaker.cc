#include "deliver/breaker.h"

#include <algorithm>

namespace podring::deliver {

void Breaker::on_answer() {
  failures_ = 0;
  open_since_.reset();
  trial_running_ = false;
  trial_pause_ = kTrialFirst;
}

void Breaker::on_failure(TimePoint now) {
  if (is_open()) {
    if (!trial_running_) return;  // a request from before it opened
    trial_running_ = false;
    trial_pause_ = std::min(trial_pause_ * 2, kTrialMax);
    trial_at_ = now + trial_pause_;
    return;
  }
  if (failures_++ == 0) first_failure_ = now;
  if (failures_ < kFailuresMin || now - first_failure_ < open_after_) return;
  open_since_ = now;
  ++times_opened_;
  trial_pause_ = kTrialFirst;
  trial_at_ = now + trial_pause_;
}

bool Breaker::take_trial(TimePoint now) {
  if (!is_open() || trial_running_ || now < trial_at_) return false;
  trial_running_ = true;
  return true;
}

}  // namespace podring::deliver
