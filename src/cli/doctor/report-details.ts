import { printable } from "../../lib/printable.js";
import type { StepResult } from "./server-check.js";

/** Who answers in each step. The others ask nobody, or several. */
const answering: Partial<Readonly<Record<StepResult["step"], string>>> = {
  server: "the MCP server",
  "resource metadata": "the MCP server",
  "issuer metadata": "the authorization server",
  capability: "the authorization server",
  token: "the authorization server",
  claims: "the token",
  call: "the MCP server",
};

/** What the `details` of a refused token have of the token itself. */
const claims: ReadonlySet<string> = new Set(["iss", "aud", "scope"]);

/**
 * Returns what servers said in a step, one line for each value, with who said it.
 *
 * @param configured URLs that the config names
 */
export function detailLines(result: StepResult, configured: readonly string[]): readonly string[] {
  return Object.entries(result.details ?? {}).map(([name, value]) => {
    const text = printable(typeof value === "string" ? value : value.join(", "));
    const from = typeof value === "string" && configured.includes(value) ? " (from the config)" : "";
    return `      ${labelOf(result, name)}: ${text}${from}`;
  });
}

function labelOf({ step, code, speaker = answering[step] ?? "a server" }: StepResult, name: string): string {
  // A URL that may not be used was only named.
  const isSent = name === "token_endpoint" || (name === "url" && code !== "insecure_url");
  if (isSent) return "sent to";
  if (step !== "call") return `${speaker} says ${name}`;
  if (name === "resource") return "the token was requested for";
  return `${claims.has(name) ? "the token" : speaker} says ${name}`;
}
