import type { Configuration, KoaContextWithOIDC, Provider } from "oidc-provider";
import type { FetchFunction } from "../../src/index.js";

/** RFC 8628, with pages for the person that have one button: somebody has signed in. */
export interface DeviceFlowOptions {
  /** Seconds between two token requests, as the server names them. Without it, the response names none. */
  readonly interval?: number;
}

/** The person who signs in. */
const account = { sub: "somebody", name: "Some Body", email: "somebody@example.com" };

export const deviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code";

/** Returns what the configuration of oidc-provider needs for the device flow. */
export function deviceFlowConfiguration(): Pick<
  Configuration,
  "claims" | "conformIdTokenClaims" | "findAccount"
> {
  return {
    claims: { openid: ["sub"], profile: ["name"], email: ["email"] },
    conformIdTokenClaims: false,
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ ...account, sub: accountId }) }),
  };
}

/** Answers as the page where a person signs in and consents, which is no part of oidc-provider. */
export async function answerInteraction(provider: Provider, context: KoaContextWithOIDC): Promise<void> {
  const { req, res } = context;
  const { params } = await provider.interactionDetails(req, res);
  const clientId = String(params["client_id"]);
  const grant = new provider.Grant({ clientId, accountId: account.sub });
  const scope = String(params["scope"] ?? "");
  grant.addOIDCScope(scope);
  const resources = [params["resource"]].flat().filter((resource) => typeof resource === "string");
  for (const resource of resources) grant.addResourceScope(resource, scope);
  const result = { login: { accountId: account.sub }, consent: { grantId: await grant.save() } };
  context.respond = false;
  await provider.interactionFinished(req, res, result);
}

/**
 * Does what a person does in a browser: opens the page, enters the code, confirms or aborts, and signs in. Returns the
 * text of the last page.
 */
export async function enterCode(
  page: string,
  userCode: string,
  decision: "confirm" | "abort" = "confirm",
  fetch: FetchFunction = globalThis.fetch,
): Promise<string> {
  const browser = createBrowser(fetch);
  const form = await browser(page);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(form)?.[1] ?? "";
  await browser(page, { xsrf, user_code: userCode });
  return await browser(page, { xsrf, user_code: userCode, [decision]: "yes" });
}

/** Keeps cookies and follows redirects. */
function createBrowser(
  fetch: FetchFunction,
): (url: string, form?: Readonly<Record<string, string>>) => Promise<string> {
  const cookies = new Map<string, string>();
  return async (url, form) => {
    let next: { url: string; form: Readonly<Record<string, string>> | undefined } = { url, form };
    for (;;) {
      const response = await fetch(next.url, {
        redirect: "manual",
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(next.form && { method: "POST", body: new URLSearchParams(next.form) }),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      const location = response.headers.get("location");
      if (location === null) return await response.text();
      next = { url: new URL(location, next.url).href, form: undefined };
    }
  };
}
