#include "terminal/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "terminal/command_line.h"

namespace podring::terminal {
namespace {

using Commands = std::vector<CompletedCommand>;

std::vector<std::string> choices_of(const std::string& type) {
  const auto open = type.find('{');
  const auto close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  return CLI::detail::join(words, between);
}

std::vector<std::string> names_of(const Commands& commands) {
  std::vector<std::string> names;
  for (const CompletedCommand& command : commands) names.push_back(command.name);
  return names;
}

std::string function_of(const CompletedCommand& program) {
  std::string name = "_" + program.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// For the inside of single quotes: `quote` is how one is written there, and each of `special` gets
/// a backslash.
std::string escaped(std::string_view text, std::string_view special, std::string_view quote) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
      continue;
    }
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// ---- bash: one function that sorts out where the word stands, then asks compgen

void bash_values(std::string& out, const std::string& command, const CompletedCommand& of) {
  std::vector<std::string> of_any_value;
  for (const CompletedFlag& flag : of.flags) {
    if (!flag.takes_value) continue;
    std::vector<std::string> places;
    for (const std::string& name : flag.names) places.push_back("'" + command + " " + name + "'");
    if (flag.takes_file) {
      out += "    " + joined(places, " | ") + ") files=true ;;\n";
    } else if (!flag.choices.empty()) {
      out += "    " + joined(places, " | ") + ") files=false words='" + joined(flag.choices) +
             "' ;;\n";
    } else {
      of_any_value.insert(of_any_value.end(), places.begin(), places.end());
    }
  }
  if (!of_any_value.empty()) {
    out += "    " + joined(of_any_value, " | ") + ") files=false words= ;;\n";
  }
}

void bash_words(std::string& out, const std::string& command, const CompletedCommand& of,
                const Commands& subcommands) {
  std::vector<std::string> words;
  for (const CompletedFlag& flag : of.flags) {
    words.insert(words.end(), flag.names.begin(), flag.names.end());
  }
  out += "    '" + command + "') words='" + joined(words) + "'";
  if (of.takes_files) out += "; [[ $word == -* ]] || files=true";
  if (!subcommands.empty()) {
    out += "; ((COMP_CWORD > 1)) || words+=' " + joined(names_of(subcommands)) + "'";
  }
  out += " ;;\n";
}

std::string bash_script(const CompletedCommand& program, const Commands& subcommands) {
  const std::string function = function_of(program);
  std::string out = "# Completion for bash: source <(" + program.name + " --completion bash)\n" +
                    function + "() {\n" +
                    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                    "  local command='' words='' files=false\n"
                    "  # --flag=value is three words\n"
                    "  if [[ $word == '=' ]]; then word=\n"
                    "  elif [[ $before == '=' ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n";
  if (!subcommands.empty()) {
    out += "  if ((COMP_CWORD > 1)); then case ${COMP_WORDS[1]} in " +
           joined(names_of(subcommands), " | ") + ") command=${COMP_WORDS[1]} ;; esac; fi\n";
  }
  out += "  case $command in\n";
  bash_words(out, "", program, subcommands);
  for (const CompletedCommand& subcommand : subcommands) {
    bash_words(out, subcommand.name, subcommand, {});
  }
  out += "  esac\n  case \"$command $before\" in\n";
  bash_values(out, "", program);
  for (const CompletedCommand& subcommand : subcommands) {
    bash_values(out, subcommand.name, subcommand);
  }
  out +=
      "  esac\n"
      "  if $files; then\n"
      "    compopt -o filenames 2>/dev/null\n"
      "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
      "  else\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
      "  fi\n"
      "}\n";
  return out + "complete -F " + function + " " + program.name + "\n";
}

// ---- zsh: _arguments

constexpr std::string_view kZshQuote = "'\\''";

void zsh_function(std::string& out, const std::string& name, const CompletedCommand& of,
                  const Commands& subcommands) {
  out += name + "() {\n";
  if (!subcommands.empty()) {
    out += "  if ((CURRENT > 2)); then case $words[2] in\n";
    for (const CompletedCommand& subcommand : subcommands) {
      out += "    " + subcommand.name + ") shift words; ((CURRENT -= 1)); " + name + "_" +
             subcommand.name + "; return ;;\n";
    }
    out += "  esac; fi\n";
  }
  out += "  _arguments";
  for (const CompletedFlag& flag : of.flags) {
    for (const std::string& dashed : flag.names) {
      const bool with_sign = flag.takes_value && dashed.starts_with("--");  // --flag=value
      out += " \\\n    '" + dashed + (with_sign ? "=" : "") + "[" +
             escaped(flag.about, "[]:\\", kZshQuote) + "]";
      if (flag.takes_value) {
        out += ": :";
        if (flag.takes_file) out += "_files";
        if (!flag.choices.empty()) out += "(" + joined(flag.choices) + ")";
      }
      out += "'";
    }
  }
  if (of.takes_files) out += " \\\n    '*: :_files'";
  if (!subcommands.empty()) {
    out += " \\\n    '1: :((";
    for (const CompletedCommand& subcommand : subcommands) {
      out += subcommand.name + "\\:" + escaped(subcommand.about, " ()[]:\\", kZshQuote) + " ";
    }
    out += "))'";
  }
  out += "\n}\n";
}

std::string zsh_script(const CompletedCommand& program, const Commands& subcommands) {
  const std::string function = function_of(program);
  std::string out = "#compdef " + program.name + "\n# Completion for zsh: source <(" +
                    program.name + " --completion zsh), or this as a file named " + function +
                    " in $fpath\n";
  for (const CompletedCommand& subcommand : subcommands) {
    zsh_function(out, function + "_" + subcommand.name, subcommand, {});
  }
  zsh_function(out, function, program, subcommands);
  return out + "if [[ $funcstack[1] == " + function + " ]]; then " + function +
         " \"$@\"; else compdef " + function + " " + program.name + "; fi\n";
}

// ---- fish: one `complete` a flag

void fish_flags(std::string& out, const std::string& start, const CompletedCommand& of) {
  for (const CompletedFlag& flag : of.flags) {
    out += start;
    for (const std::string& name : flag.names) {
      out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (flag.takes_file) {
      out += " -r -F";
    } else if (!flag.choices.empty()) {
      out += " -x -a '" + joined(flag.choices) + "'";
    } else if (flag.takes_value) {
      out += " -x";
    }
    out += " -d '" + escaped(flag.about, "\\", "\\'") + "'\n";
  }
}

std::string fish_script(const CompletedCommand& program, const Commands& subcommands) {
  const std::string start = "complete -c " + program.name;
  std::string out = "# Completion for fish: " + program.name + " --completion fish | source\n";
  if (!program.takes_files) out += start + " -f\n";
  std::string none;  // of the subcommands is the first argument
  for (const CompletedCommand& subcommand : subcommands) {
    const std::string chosen = "contains " + subcommand.name + " (commandline -opc)[2]";
    none += (none.empty() ? "not " : "; and not ") + chosen;
    out += start + " -n 'test (count (commandline -opc)) = 1' -a " + subcommand.name + " -d '" +
           escaped(subcommand.about, "\\", "\\'") + "'\n";
    fish_flags(out, start + " -n '" + chosen + "'", subcommand);
  }
  fish_flags(out, none.empty() ? start : start + " -n '" + none + "'", program);
  return out;
}

}  // namespace

CompletedCommand completed_command(const CLI::App& app) {
  CompletedCommand command{app.get_name(), app.get_description(), {}, false};
  for (const CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    const bool is_file = type == "FILE";
    if (option->get_positional()) {
      command.takes_files = command.takes_files || is_file;
      continue;
    }
    CompletedFlag flag{{},
                       option->get_description(),
                       option->get_items_expected_max() > 0,
                       is_file,
                       choices_of(type)};
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    command.flags.push_back(std::move(flag));
  }
  return command;
}

void add_completion_flag(CLI::App& app, std::string& shell, const std::string& group) {
  auto* option = app.add_option("--completion", shell, "the completion script for this shell");
  option->group(group);
  take_only(*option, {"bash", "zsh", "fish"});
}

std::string completion_script(std::string_view shell, const CompletedCommand& program,
                              const Commands& subcommands) {
  return shell == "bash"  ? bash_script(program, subcommands)
         : shell == "zsh" ? zsh_script(program, subcommands)
                          : fish_script(program, subcommands);
}

}  // namespace podring::terminal
