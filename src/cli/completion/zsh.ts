/** Of what was typed, nothing is expanded or run but the path of the program. */
export const zsh = `#compdef mcp-auth-runtime mcp-auth
# Completion of mcp-auth-runtime for zsh. In ~/.zshrc, after compinit:
#   eval "$(mcp-auth-runtime completion zsh)"
_mcp_auth_runtime() {
  local program=\${(Q)words[1]} line value
  local -a candidates
  if [[ $program == */* ]]; then
    program=\${program:h}/mcp-auth-runtime
  else
    program=mcp-auth-runtime
  fi
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      [[ $PREFIX == --*=* ]] && compset -P 1 '*='
      _files
      return
    fi
    value=\${line%% *}
    candidates+=("\${value//:/\\\\:}:\${\${line#"$value"}# }")
  done < <(command "$program" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)
  _describe 'mcp-auth-runtime' candidates
}
if [[ $funcstack[1] == _mcp_auth_runtime ]]; then
  _mcp_auth_runtime "$@"
else
  compdef _mcp_auth_runtime mcp-auth-runtime mcp-auth
fi
`;
