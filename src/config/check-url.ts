import { isLoopbackHost } from "../lib/loopback.js";
import { printable } from "../lib/printable.js";
import type { Mistake } from "./source-document.js";

export interface UrlFinding {
  /** Set when the only fault is that it is `http:` and this host is not loopback. */
  readonly insecureHost?: string;
  readonly mistake: Omit<Mistake, "path">;
}

/** What is wrong with a URL of the config. */
export function checkUrl(text: string, what: "url" | "issuer"): UrlFinding | undefined {
  const wrong = (message: string, hint?: string): UrlFinding => {
    return { mistake: { message, ...(hint !== undefined && { hint }) } };
  };
  if (!URL.canParse(text)) return wrong("Must be an absolute URL", "For example https://crm.example/mcp");
  // `new URL` drops some of them and encodes the others, and messages show an issuer as it is written.
  if (printable(text) !== text) {
    return wrong(
      "A URL here has no control, formatting or other invisible characters",
      "Remove them: a copied text often has some",
    );
  }
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return wrong("Must be an absolute URL that starts with https:// (or http:// on loopback)");
  }
  if (url.username !== "" || url.password !== "") {
    return wrong("A URL here has no user name and no password", "Credentials belong to the `client`");
  }
  // `new URL` forgets an empty fragment or query.
  if (text.includes("#")) return wrong("A URL here has no fragment", "Remove the # and what follows it");
  if (what === "issuer" && text.includes("?")) {
    return wrong("An issuer has no query", "Remove the ? and what follows it");
  }
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
    const mistake = { message: "Must be https: plain http is only for loopback", hint: "Write https://" };
    return { insecureHost: url.hostname, mistake };
  }
  return undefined;
}

/**
 * What is wrong with a client id that is the address of a client id metadata document
 * (draft-ietf-oauth-client-id-metadata-document §3).
 */
export function checkClientIdUrl(text: string): Omit<Mistake, "path"> | undefined {
  const begins =
    "A client id that starts with https:// is the address of a client id metadata document, which must";
  if (!URL.canParse(text)) return { message: `${begins} be a URL` };
  const { username, password } = new URL(text);
  const [authority = "", ...segments] = text.slice("https://".length).split(/[?#]/, 1)[0]?.split("/") ?? [];
  if (username !== "" || password !== "" || authority.includes("@")) {
    return { message: `${begins} have no user name and no password` };
  }
  if (text.includes("#")) return { message: `${begins} have no fragment` };
  if (segments.join("") === "") {
    return { message: `${begins} have a path`, hint: "For example https://agent.example/client.json" };
  }
  const isDots = (segment: string) => /^(\.|%2e){1,2}$/i.test(segment);
  if (segments.some(isDots)) return { message: `${begins} have no segments . and .. in its path` };
  return undefined;
}
