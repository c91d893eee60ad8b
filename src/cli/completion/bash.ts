/**
 * Works with bash 3.2, which macOS has, and needs no other script. Of what was typed, nothing is expanded or run but the
 * path of the program.
 */
export const bash = `# Completion of mcp-auth-runtime for bash. In ~/.bashrc:
#   eval "$(mcp-auth-runtime completion bash)"
_mcp_auth_runtime() {
  local program=$1 current line value strip='' glue='' files='' i
  local -a words
  words=()
  COMPREPLY=()
  case $program in
    */*) program=\${program%/*}/mcp-auth-runtime ;;
    *) program=mcp-auth-runtime ;;
  esac
  # To readline, "--print=codex" is three words.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    line=\${COMP_WORDS[i]}
    if [[ \${#words[@]} -gt 0 && ($line == [=:]* || -n $glue) ]]; then
      words[\${#words[@]} - 1]+=$line
    else
      words+=("$line")
    fi
    glue=''
    [[ $line == *[=:] ]] && glue=1
  done
  current=\${words[\${#words[@]} - 1]}
  # It replaces only what comes after the last "=".
  [[ $current == *=* && $COMP_WORDBREAKS == *=* ]] && strip=\${current%"\${current##*=}"}
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=1
      break
    fi
    value=\${line%% *}
    [[ $value == "$current"* ]] && COMPREPLY+=("\${value#"$strip"}")
  done < <(command "$program" complete -- "\${words[@]}" 2>/dev/null </dev/null)
  # With an empty list, readline completes names of files.
  [[ -n $files ]] || compopt +o default 2>/dev/null
  return 0
}
complete -o default -F _mcp_auth_runtime mcp-auth-runtime mcp-auth
`;
