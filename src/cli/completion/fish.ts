/** Of what was typed, nothing is expanded or run but the path of the program. */
export const fish = `# Completion of mcp-auth-runtime for fish. In ~/.config/fish/config.fish:
#   mcp-auth-runtime completion fish | source
function __mcp_auth_runtime_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l program mcp-auth-runtime
    if string match -q '*/*' -- $before[1]
        set program (string replace -r '[^/]*$' mcp-auth-runtime -- $before[1])
    end
    set -l found (command $program complete -- $before[2..-1] "$current" 2>/dev/null </dev/null)
    if test "$found[1]" = :files
        set -l option (string match -r -- '^--[^=]+=' "$current")
        for path in (__fish_complete_path (string replace -- "$option" '' "$current"))
            printf '%s\\n' "$option$path"
        end
        return
    end
    string replace ' ' \\t -- $found
end
for program in mcp-auth-runtime mcp-auth
    complete -c $program -f -a '(__mcp_auth_runtime_complete)'
end
`;
