import { isLoopbackHost } from "../lib/loopback.js";
import { printable } from "../lib/printable.js";
import type { Mistake } from "./source-document.js";

export interface UrlProblem {
  readonly mistake: Omit<Mistake, "path">;
  /** The host, if the only problem is that the URL is `http:` and not on loopback. */
  readonly insecureHost?: string;
}

/** Returns what is wrong with a URL of the config, or `undefined`. */
export function findUrlProblem(text: string, kind: "url" | "issuer"): UrlProblem | undefined {
  const problem = (message: string, hint?: string): UrlProblem => {
    return { mistake: { message, ...(hint !== undefined && { hint }) } };
  };
  if (!URL.canParse(text)) return problem("Must be an absolute URL", "For example https://crm.example/mcp");
  // `new URL` drops or encodes such characters, but messages show an issuer as it is written.
  if (printable(text) !== text) {
    return problem(
      "A URL must not have control, formatting or other invisible characters",
      "Remove them: copied text often has some",
    );
  }
  // Parsed only if it has a user or another protocol, because a large config has thousands of URLs.
  const url = /^https:[^@]*$/i.test(text) ? undefined : new URL(text);
  if (url !== undefined && url.protocol !== "https:" && url.protocol !== "http:") {
    return problem("Must be an absolute URL that starts with https:// (or http:// on loopback)");
  }
  if (url !== undefined && (url.username !== "" || url.password !== "")) {
    return problem(
      "A URL here must not have a user name or password",
      "Credentials belong in the `client` of the grant",
    );
  }
  // Tests the text, because `URL` does not distinguish an empty fragment or query from none.
  if (text.includes("#"))
    return problem("A URL here must not have a fragment", "Remove the # and what follows it");
  if (kind === "issuer" && text.includes("?")) {
    return problem("An issuer must not have a query", "Remove the ? and what follows it");
  }
  if (kind === "issuer" && text.includes("/.well-known/")) {
    return problem(
      "An issuer is not the URL of its metadata",
      "Write it without /.well-known/ and the name of the document",
    );
  }
  if (url?.protocol === "http:" && !isLoopbackHost(url.hostname)) {
    const mistake = { message: "Must be https: plain http is only for loopback", hint: "Write https://" };
    return { insecureHost: url.hostname, mistake };
  }
  return undefined;
}

/**
 * Returns what is wrong with a client id that is the URL of a client id metadata document, or `undefined`
 * (draft-ietf-oauth-client-id-metadata-document §3).
 */
export function findClientIdProblem(text: string): Omit<Mistake, "path"> | undefined {
  const start =
    "A client id that starts with https:// is the URL of a client id metadata document, which must";
  if (!URL.canParse(text)) return { message: `${start} be a valid URL` };
  const { username, password } = new URL(text);
  const [authority = "", ...segments] = text.slice("https://".length).split(/[?#]/, 1)[0]?.split("/") ?? [];
  if (username !== "" || password !== "" || authority.includes("@")) {
    return { message: `${start} not have a user name or password` };
  }
  if (text.includes("#")) return { message: `${start} not have a fragment` };
  if (segments.join("") === "") {
    return { message: `${start} have a path`, hint: "For example https://agent.example/client.json" };
  }
  const isDots = (segment: string) => /^(\.|%2e){1,2}$/i.test(segment);
  if (segments.some(isDots)) return { message: `${start} not have the segments . or .. in its path` };
  return undefined;
}
