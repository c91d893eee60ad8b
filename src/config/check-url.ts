import { isLoopbackHost } from "../lib/loopback.js";
import type { Mistake } from "./source-document.js";

export interface UrlFinding {
  /** The only fault is that it is `http:` and not on loopback. */
  readonly insecure: boolean;
  readonly mistake: Omit<Mistake, "path">;
}

/** What is wrong with a URL of the config. */
export function checkUrl(text: string, what: "url" | "issuer"): UrlFinding | undefined {
  const wrong = (message: string, hint?: string): UrlFinding => {
    return { insecure: false, mistake: { message, ...(hint !== undefined && { hint }) } };
  };
  if (!URL.canParse(text)) return wrong("Must be an absolute URL", "For example https://crm.example/mcp");
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
    return { insecure: true, mistake };
  }
  return undefined;
}
