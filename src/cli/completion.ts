import { quoted } from "../lib/printable.js";
import { bash } from "./completion/bash.js";
import { fish } from "./completion/fish.js";
import { shells } from "./completion/shells.js";
import { zsh } from "./completion/zsh.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { UsageError } from "./options.js";

const scripts = { bash, zsh, fish } as const satisfies Record<(typeof shells)[number], string>;

/** `completion SHELL`: prints the script that completes the commands in a shell. */
export const completion = defineCommand({
  args: [{ name: "SHELL", is: "shell" }],
  description: `
    Prints a script for bash, zsh or fish that completes commands, options, servers of the config, hosts and files, for
    the commands mcp-auth-runtime and mcp-auth. It works where they are in PATH, or typed with their path. Nothing can
    complete what follows npx.`,
  notes: `
    Put one of the examples into ~/.bashrc, into ~/.zshrc after compinit, or into ~/.config/fish/config.fish. On Tab, the
    script reads the names in the config, and no secret.`,
  examples: [
    ["completion bash", 'in ~/.bashrc: eval "$(mcp-auth-runtime completion bash)"'],
    ["completion zsh", 'in ~/.zshrc, after compinit: eval "$(mcp-auth-runtime completion zsh)"'],
    ["completion fish", "in config.fish: mcp-auth-runtime completion fish | source"],
  ],
  async run({ args: [name] }, io) {
    const shell = shells.find((each) => each === name);
    if (shell === undefined)
      throw new UsageError(`There is no script for ${quoted(name ?? "")}. Use one of: ${shells.join(", ")}`);
    io.print.result(scripts[shell]);
    return exitCodes.done;
  },
});
