// A token manager as somebody might write it in an afternoon: it keeps one token until the server answers 401. The
// tests in this folder run against it too, and each of them must fail.
import { readFileSync } from "node:fs";
import { importPKCS8, SignJWT } from "jose";
import type { FetchFunction } from "../../src/index.js";

interface Reference {
  readonly env?: string;
  readonly file?: string;
}

/** The part of a config that the naive manager supports. */
export interface NaiveServer {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly grant: {
    readonly client: {
      readonly issuer: string;
      readonly id?: string;
      readonly secret?: Reference;
      readonly key?: { readonly privateKey: Reference; readonly alg?: string };
    };
    readonly scopes?: readonly string[];
    readonly assertion?: Reference;
  };
}

export interface NaiveOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetch: FetchFunction;
  readonly debug: (message: string) => void;
}

export class NaiveManager {
  readonly #server: NaiveServer;
  readonly #options: NaiveOptions;
  readonly #credential: string | undefined;
  readonly #assertion: string | undefined;
  #token: string | undefined;

  constructor(server: NaiveServer, options: NaiveOptions) {
    this.#server = server;
    this.#options = options;
    const { client, assertion } = server.grant;
    this.#credential = this.#read(client.secret ?? client.key?.privateKey);
    this.#assertion = this.#read(assertion);
  }

  async getAccessToken({ forceRefresh = false }: { readonly forceRefresh?: boolean } = {}): Promise<string> {
    if (forceRefresh) this.#token = undefined;
    if (this.#token === undefined) this.#token = await this.#request();
    return this.#token;
  }

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const send = async () => {
      const headers = new Headers({ ...this.#server.headers });
      for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
      headers.set("authorization", `Bearer ${await this.getAccessToken()}`);
      return await this.#options.fetch(url, { ...init, headers });
    };
    const response = await send();
    if (response.status !== 401) return response;
    this.#token = undefined;
    return await send();
  }

  #read({ env, file }: Reference = {}): string | undefined {
    if (file !== undefined) return readFileSync(file, "utf8").trim();
    return env === undefined ? undefined : this.#options.env[env];
  }

  async #request(): Promise<string> {
    const { url, headers, grant } = this.#server;
    const { id = "", issuer, key } = grant.client;
    const { token_endpoint } = await this.#json(`${issuer}/.well-known/oauth-authorization-server`);
    const { origin, pathname } = new URL(url);
    const known = await this.#json(`${origin}/.well-known/oauth-protected-resource${pathname}`);
    const scopes = known["scopes_supported"] ?? grant.scopes ?? [];
    const form = new URLSearchParams({ resource: new URL(url).href });
    if (Array.isArray(scopes) && scopes.length > 0) form.set("scope", scopes.join(" "));
    const sent: Record<string, string> = { ...headers };
    if (this.#assertion !== undefined) {
      form.set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
      form.set("assertion", this.#assertion);
    } else {
      form.set("grant_type", "client_credentials");
      if (key === undefined) sent["authorization"] = `Basic ${btoa(`${id}:${this.#credential}`)}`;
      else await this.#sign(form, id, String(token_endpoint), key.alg ?? "RS256");
    }
    const response = await this.#options.fetch(String(token_endpoint), {
      method: "POST",
      headers: sent,
      body: form,
    });
    const body = await response.text();
    this.#options.debug(`token endpoint: ${response.status} ${body}`);
    if (!response.ok) throw new Error(`The token request failed: ${response.status} ${body}`);
    return String(JSON.parse(body).access_token);
  }

  async #sign(form: URLSearchParams, id: string, audience: string, alg: string): Promise<void> {
    const key = await importPKCS8(this.#credential ?? "", alg);
    const assertion = await new SignJWT({ jti: String(Math.random()) })
      .setProtectedHeader({ alg })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(audience)
      .setIssuedAt()
      .setNotBefore("0s")
      .setExpirationTime("1m")
      .sign(key);
    form.set("client_id", id);
    form.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form.set("client_assertion", assertion);
  }

  async #json(url: string): Promise<Record<string, unknown>> {
    const response = await this.#options.fetch(url);
    return response.ok ? JSON.parse(await response.text()) : {};
  }
}
