#include "top/screen.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include "terminal/text.h"
#include "top/table.h"

namespace podring::top {
namespace {

using terminal::Colour, terminal::grouped, terminal::padded, terminal::painted, terminal::shortened,
    terminal::shown, terminal::shown_coarsely, terminal::wrapped;

constexpr std::size_t kColumnsMin = 20;
constexpr std::size_t kListMin = 3;  // lines of a list, its heading among them: fewer tell nothing
constexpr std::size_t kListsMax = 12;  // lines of both lists, where pods want more
constexpr std::size_t kTextMax = 40;   // columns of a message
constexpr std::size_t kRowsFew = 20;   // no sentence may take more than one line of so few
constexpr Duration kQuiet = std::chrono::seconds{5};  // a live stream tells something every 2 s

struct Canvas {
  const Look& look;
  std::size_t width;
  std::vector<std::string> lines;

  void line(std::string_view text, Colour colour = Colour::plain) {
    lines.push_back(painted(shortened(text, width), colour, look.colour));
  }
  /// At most `lines_max` lines, the last of them cut.
  void paragraph(const std::string& text, std::size_t lines_max, Colour colour = Colour::plain) {
    std::vector<std::string> broken = wrapped(text, width);
    for (std::size_t i = lines_max; i < broken.size(); ++i)
      broken[lines_max - 1] += " " + broken[i];
    broken.resize(std::min(broken.size(), lines_max));
    for (const std::string& one : broken) line(one, colour);
  }
};

std::string counts_of(const std::vector<Pod>& pods) {
  std::map<std::string, std::size_t> counts;
  for (const Pod& pod : pods) ++counts[pod.state];
  std::string out;
  for (const char* state : {"up", "suspected", "leaving", "connecting", "stale", "listed"}) {
    if (counts[state] == 0) continue;
    out += (out.empty() ? "" : ", ") + grouped(counts[state]) + " " + state;
  }
  return out;
}

std::string connection_text(const Model& model, const Connection& connection, TimePoint now,
                            bool& good) {
  const Pod& self = model.self();
  const std::string pod = model.name_of(self.address) + " (" + self.address + ")";
  const Duration silent = now - connection.heard_at;
  good = connection.live && silent < kQuiet;
  if (!connection.live) {
    return "CONNECTION LOST, data of " + pod + " " + shown_coarsely(silent) +
           " old: " + connection.why;
  }
  return good ? "live from " + pod : "nothing heard from " + pod + " for " + shown_coarsely(silent);
}

std::string rate(double a_second) {
  return a_second < 10 ? std::to_string(static_cast<int>(a_second)) + "." +
                             std::to_string(static_cast<int>(a_second * 10) % 10) + "/s"
                       : grouped(static_cast<std::uint64_t>(std::lround(a_second))) + "/s";
}

/// Of the whole ring, as far as its pods have told.
std::string ring_figures(const Model& model) {
  std::uint64_t handed_on = 0;
  std::uint64_t retries = 0;
  std::uint64_t queue = 0;
  std::uint64_t held = 0;
  for (const Pod& pod : model.ring()->pods) {
    if (!pod.figures) continue;
    handed_on += pod.figures->handed_on;
    retries += pod.figures->retries;
    queue += pod.figures->queue;
    held += pod.figures->held;
  }
  std::string out = "ring: hops " + rate(static_cast<double>(handed_on) / 60) + ", sent again " +
                    sent_again(retries, handed_on) + ", queue " + grouped(queue) + ", held " +
                    grouped(held);
  if (const auto hop = model.hop_time()) out += ", time per hop " + shown(*hop);
  return out;
}

std::string self_figures(const Model& model, TimePoint now) {
  const Ring& ring = *model.ring();
  std::string out = "this pod:";
  if (const auto visits = model.visits()) out += " visits " + rate(*visits) + ",";
  out += " queue " + grouped(ring.queue_used) + " of " + grouped(ring.queue_max) + ", held " +
         grouped(ring.held) + ", names: ";
  const Dns& dns = ring.dns;
  if (dns.mode == "fixed") return out + "fixed list";
  out += dns.outcome + (dns.detail.empty() ? "" : " " + dns.detail);
  if (!dns.answer_age) return out;
  return out + ", " + grouped(dns.addresses) + " addresses " +
         shown_coarsely(*dns.answer_age + (now - model.ring_at())) + " ago";
}

void draw_head(Canvas& canvas, const Model& model, const Connection& connection, TimePoint now) {
  const Ring& ring = *model.ring();
  const std::size_t most = canvas.look.rows && *canvas.look.rows < kRowsFew ? 1 : 3;
  bool good = false;
  const std::string source = connection_text(model, connection, now, good);
  canvas.paragraph("podring top: ring " + ring.name + ", " + grouped(ring.pods.size()) +
                       (ring.pods.size() == 1 ? " pod: " : " pods: ") + counts_of(ring.pods),
                   most, Colour::bold);
  canvas.paragraph(source, most, good ? Colour::green : Colour::red);
  std::string verdict;
  for (const std::string& trouble : model.troubles()) {
    verdict += (verdict.empty() ? "! " : "; ") + trouble;
  }
  const bool whole = verdict.empty();
  if (whole) {
    verdict =
        ring.pods.size() > 1 ? "ok: every pod hands to the next one" : "ok: alone in its view";
  }
  canvas.paragraph(verdict, most, whole ? Colour::green : Colour::red);
  canvas.paragraph(ring_figures(model), most);
  canvas.paragraph(self_figures(model, now), most);
}

std::string trace_text(const Message& message) {
  constexpr std::size_t kWhole = 6;
  constexpr std::size_t kEnds = 3;
  const std::vector<std::string>& trace = message.trace;
  const bool cut = trace.size() > kWhole || message.trace_omitted > 0;
  std::string out;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (cut && i == kEnds) out += " > ..";
    if (cut && i >= kEnds && i + kEnds < trace.size()) continue;
    out += (i == 0 ? "" : " > ") + trace[i];
  }
  return out;
}

void draw_messages(Canvas& canvas, const Model& model, std::size_t lines) {
  const std::size_t text_columns = std::max<std::size_t>(canvas.width / 4, 10);
  canvas.line("latest messages (UTC)", Colour::bold);
  for (std::size_t i = 0; i < std::min(model.messages().size(), lines - 1); ++i) {
    const Message& message = model.messages()[i];
    const std::string text = shortened(message.text, std::min(text_columns, kTextMax));
    canvas.line("  " + message.time + "  " + padded(message.state, 9) + "  " +
                padded("hop " + std::to_string(message.hop), 7) + "  " +
                padded("lap " + std::to_string(message.lap), 6) + "  " + text + "  " + message.id +
                (message.detours ? "  (detours)" : "") + "  " + trace_text(message));
  }
  if (model.messages().empty() && lines > 1) canvas.line("  none");
}

void draw_news(Canvas& canvas, const Model& model, std::size_t lines) {
  canvas.line("what happened", Colour::bold);
  for (std::size_t i = 0; i < std::min(model.news().size(), lines - 1); ++i) {
    const News& news = model.news()[i];
    canvas.line("  " + news.time + (news.bad ? " ! " : "   ") + news.text,
                news.bad ? Colour::yellow : Colour::plain);
  }
  if (model.news().empty() && lines > 1) canvas.line("  nothing since the stream began");
}

/// How many lines what is below the head gets; headings of lists included.
struct Plan {
  std::size_t pods = 0;
  std::size_t messages = 0;
  std::size_t news = 0;
};

Plan plan_of(const Look& look, std::size_t head, std::size_t pods, const Model& model) {
  if (!look.rows) return {pods, kListsMax, 0};  // nothing has happened yet
  const std::size_t fixed = head + 2;           // the table's own head, and the keys
  const std::size_t room = *look.rows > fixed ? *look.rows - fixed : 0;
  const std::size_t needed = std::max<std::size_t>(pods, 1);
  const std::size_t news = 1 + std::max<std::size_t>(model.news().size(), 1);
  const std::size_t messages = 1 + std::max<std::size_t>(model.messages().size(), 1);
  const std::size_t wanted = std::clamp(messages + news, 2 * kListMin, kListsMax);
  Plan plan;
  plan.pods = needed + kListMin <= room ? needed : room - std::min(wanted, room / 2);
  plan.pods = std::min(plan.pods, needed);
  const std::size_t lists = room - plan.pods;
  if (lists >= 2 * kListMin) {
    plan.messages = std::min(messages, std::max(lists / 2, lists - std::min(lists, news)));
    plan.news = lists - plan.messages;
  } else if (lists >= kListMin) {
    plan.news = lists;
  } else {
    plan.pods = std::min(needed, room);
  }
  plan.pods = std::min(plan.pods, pods);
  return plan;
}

std::string keys_text(const Look& look, const Screen& screen, std::size_t pods) {
  const bool all = screen.page == pods;
  return (all ? std::string{}
              : "pods " + grouped(screen.first + 1) + " to " + grouped(screen.first + screen.page) +
                    " of " + grouped(pods) + "  ") +
         "q quit  p " + (look.troubled_only ? "all pods" : "troubled only") +
         (all ? "" : "  arrows PgUp PgDn Home End");
}

}  // namespace

Screen draw(const Model& model, const Connection& connection, const Look& look, TimePoint now) {
  Canvas canvas{look, std::max(look.columns, kColumnsMin), {}};
  draw_head(canvas, model, connection, now);
  const PodTable table{model, now, canvas.width, look.troubled_only};
  const Plan plan = plan_of(look, canvas.lines.size(), table.size(), model);
  Screen screen;
  screen.page = plan.pods;
  screen.first = std::min(look.first, table.size() - plan.pods);
  canvas.lines.push_back(table.head(look.colour));
  for (std::size_t i = 0; i < plan.pods; ++i) {
    canvas.lines.push_back(table.row(screen.first + i, look.colour));
  }
  if (table.size() == 0) canvas.line("  every pod is well", Colour::green);
  if (plan.messages > 0) draw_messages(canvas, model, plan.messages);
  if (plan.news > 0) draw_news(canvas, model, plan.news);
  if (look.rows) {
    canvas.lines.resize(*look.rows > 0 ? *look.rows - 1 : 0);
    canvas.line(keys_text(look, screen, table.size()), Colour::dim);
  }
  screen.lines = std::move(canvas.lines);
  return screen;
}

}  // namespace podring::top
