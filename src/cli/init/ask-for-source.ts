import { join } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { findUrlProblem } from "../../config/check-url.js";
import { fileExists } from "../../config/file-system.js";
import type { CommandIo } from "../io.js";
import { UsageError } from "../options.js";

/** The files in a project in which hosts keep their servers. */
const hostFiles = [".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json", ".gemini/settings.json"];

/** Where the servers come from: one of the two. */
export interface Source {
  readonly url?: string | undefined;
  readonly file?: string | undefined;
}

/** Asks which servers to add. Throws `UsageError` without a terminal. */
export async function askForSource(ask: CommandIo["ask"], cwd: string): Promise<Source> {
  const existing = await Promise.all(hostFiles.map((file) => fileExists(join(cwd, file), asyncFileSystem)));
  const files = hostFiles.filter((_, index) => existing[index]);
  if (ask === undefined) {
    const [file = ".mcp.json"] = files;
    throw new UsageError(
      `Name the MCP server: npx mcp-auth-runtime init URL. Or add the servers of a host: npx mcp-auth-runtime init --from ${file}`,
    );
  }
  if (files.length > 0) {
    const choices = files.map((file) => ({ value: file, label: `those in ${file}` }));
    const answer = await ask.select("Which servers?", [...choices, { value: "", label: "one, by its URL" }]);
    if (answer !== "") return { file: answer };
  }
  const url = await ask.text("URL of the MCP server", {
    validate: (answer) => {
      const problem = findUrlProblem(answer.trim(), "url");
      // The config may allow the host.
      return problem?.insecureHost === undefined ? problem?.mistake.message : undefined;
    },
  });
  return { url: url.trim() };
}
