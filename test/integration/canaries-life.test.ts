// Searches for canaries as canaries.test.ts does, over the life of a runtime: expiry, rotation, reloads and stopping,
// the objects that hosts get, and errors thrown by the host's own functions.

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { authProvider, oauthProvider } from "../../src/hosts/mcp-sdk.js";
import { createMcpAuth, discover, type Logger, type McpAuth, type McpAuthConfig } from "../../src/index.js";
import { Canaries } from "../support/canaries.js";
import { liveClock } from "../support/live-clock.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { startConnectProxy } from "../unit/net/connect-proxy.js";
import { hostError } from "./canaries-credentials.js";
import { eventNames, Watch } from "./canaries-evidence.js";
import { jwt, type Stage, startStage } from "./canaries-stage.js";

const hour = 3_600_000;

test("no secret is shown when tokens expire, are renewed or refused, when renewals fail, or when credentials and config change", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const path = await temporaryFolder();
  const secretFile = join(path, "secret");
  const keyFile = join(path, "key.pem");
  const put = (file: string, text: string) => writeFileSync(file, text, { mode: 0o600 });
  put(secretFile, canaries.fresh("secret in a file"));
  put(keyFile, pem(canaries));
  const config = (more: object = {}) =>
    JSON.stringify({
      defaults: { retry: { attempts: 1 } },
      servers: {
        secret: serverOf(stage, "secret", { secret: { file: "secret" } }),
        key: { ...serverOf(stage, "key", { key: { privateKey: { file: "key.pem" } } }), dpop: true },
        vague: { ...serverOf(stage, "vague", { secret: { file: "secret" } }), stepUp: ["more"] },
        ticking: {
          ...serverOf(stage, "ticking", { secret: { file: "secret" } }),
          refresh: { schedule: "*/5 * * * *" },
        },
        ...more,
      },
    });
  const file = join(path, "mcp-auth.config.json");
  put(file, config());
  stage.script("vague", {
    token: (response, request) => stage.grant(response, request, { expires_in: undefined }),
  });
  const { clock, fetch, advance } = liveClock();
  const auth = await createMcpAuth({ config: file, env: {}, clock, fetch, logger: watch.logger });
  watch.listen(auth);

  expect(await auth.start()).toEqual([]);
  watch.look(auth);
  await advance(hour);
  await callAll(watch, auth);
  put(secretFile, canaries.fresh("secret in a file, rotated"));
  put(keyFile, pem(canaries));
  await advance(hour);
  for (const name of auth.servers) stage.revoke(name);
  await callAll(watch, auth);

  const { say } = stage;
  stage.script("secret", {
    token: (response) => say.json(response, 500, { error_description: say.prose() }),
  });
  stage.script("key", {
    mcp(response) {
      const word = canaries.word("challenge of a 401");
      // The scopes of the challenge become scopes of the token, which callers may see.
      const challenge = `Bearer error="${word}", error_description="${word}", scope="more"`;
      say.html(response, 401, { "www-authenticate": challenge });
    },
  });
  stage.script("vague", {
    mcp(response, { count }) {
      if (count % 2 === 0) return say.json(response, 200, {});
      const challenge = `Bearer error="insufficient_scope", scope="more", error_description="${canaries.word("challenge")}"`;
      return say.html(response, 403, { "www-authenticate": challenge });
    },
  });
  stage.script("ticking", {
    mcp(response, { count }) {
      if (count % 2 === 0) return say.json(response, 200, {});
      return say.html(response, 307, { location: `${stage.mcp("ticking")}/there` });
    },
  });
  await advance(2 * hour);
  await callAll(watch, auth);
  watch.look(auth);

  const literal = canaries.word("secret in the config");
  put(file, config({ wrong: serverOf(stage, "wrong", { secret: literal }) }));
  await watch.outcome("reload", () => auth.reload());
  put(file, `${config().slice(0, -2)}, "x": "${literal}`);
  await watch.outcome("reload", () => auth.reload());
  put(file, config({ added: serverOf(stage, "added", { secret: { file: "secret" } }) }));
  await auth.reload();
  await callAll(watch, auth);

  stage.script("added", { token: () => {} });
  const reason = hostError(canaries);
  const controller = new AbortController();
  const pending = ["secret", "added", "added"].map((name, index) =>
    watch.outcome(`stopped ${name}`, () =>
      auth.resolve(name).getToken({ forceRefresh: true, ...(index === 2 && { signal: controller.signal }) }),
    ),
  );
  controller.abort(reason);
  await clock.settle();
  const stopped = auth.stop();
  await clock.advance(6_000);
  await stopped;
  await Promise.all(pending);
  watch.look(auth);
  // All events except that of a failing store.
  const sinks = eventNames
    .filter((name) => name !== "store:down")
    .flatMap((name) => [`event ${name}`, `channel ${name}`]);
  expect([...watch.evidence.examined]).toEqual(expect.arrayContaining(sinks));
  await watch.assertClean(canaries);
});

test("no text is shown that a host's own functions throw", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const fail = () => {
    throw hostError(canaries);
  };
  const bad: Logger = {
    debug: fail,
    info: fail,
    warn: fail,
    error: () => Promise.reject(hostError(canaries)),
  };
  const user = { ...serverOf(stage, "user", { secret: { env: "SECRET" } }) };
  const grant = { type: "token_exchange", subject: { token: { runtime: true } }, client: user.grant.client };
  const servers = {
    tools: serverOf(stage, "tools", { secret: { env: "SECRET" } }),
    user: { ...user, grant },
  };
  const env = { SECRET: canaries.fresh("secret in a variable") };
  const retry = { attempts: 2, min: "1ms", max: "2ms" } as const;
  // Built from parts of the config's union types.
  const config = { defaults: { retry }, servers: servers as object as McpAuthConfig["servers"] };
  const fetches: readonly (typeof fetch)[] = [
    fetch,
    fail,
    () => Promise.reject(hostError(canaries)),
    () => Promise.reject(canaries.phrase("text that was thrown")),
    async () => new Response(new ReadableStream({ pull: fail })),
    async () => Object.assign(new Response(canaries.phrase("body")), { headers: null }),
  ];
  for (const own of fetches) {
    const auth = await createMcpAuth({ config, env, logger: own === fetch ? watch.logger : bad, fetch: own });
    for (const name of eventNames) {
      auth.on(name, fail);
      auth.on(name, () => Promise.reject(hostError(canaries)));
      auth.on(name, (event) => watch.evidence.examine(`event ${name}`, event));
    }
    await callAll(watch, auth, ["tools"]);
    const subjects: readonly unknown[] = [
      fail,
      () => Promise.reject(hostError(canaries)),
      () => ({ token: canaries.word("subject token") }),
      `${canaries.word("subject token")}\n${canaries.word("subject token")}`,
      () => canaries.plant("subject token", jwt("https://idp.example")),
    ];
    for (const [index, subjectToken] of subjects.entries()) {
      // JavaScript code can pass anything.
      const subject = { key: canaries.word("key of a user"), subjectToken: subjectToken as string };
      const manager = await watch.outcome("for", () => auth.resolve("user").for(subject));
      if (manager instanceof Error) continue;
      watch.evidence.examine(`user ${index}`, manager);
      await watch.outcome(`user ${index}`, () => manager.getToken());
      watch.evidence.examine(`user ${index}`, manager.status());
    }
    watch.look(auth);
    await auth.stop();
  }
  expect([...watch.evidence.examined]).toEqual(
    expect.arrayContaining(["log debug", "log warn", "log error"]),
  );
  await watch.assertClean(canaries);
});

test("no secret is shown in the objects that hosts get and pass, nor in errors about forbidden URLs", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const env = { SECRET: canaries.fresh("secret in a variable"), KEY: pem(canaries) };
  const servers = {
    secret: serverOf(stage, "secret", { secret: { env: "SECRET" } }),
    key: serverOf(stage, "key", { key: { privateKey: { env: "KEY" } } }),
    bound: { ...serverOf(stage, "bound", { key: { privateKey: { env: "KEY" } } }), dpop: true },
  };
  // Built from parts of the config's union types.
  const config = { servers: servers as object as McpAuthConfig["servers"] };
  const auth = await createMcpAuth({ config, env, logger: watch.logger });
  watch.listen(auth);
  for (const name of auth.servers) {
    const manager = auth.resolve(name);
    const { evidence } = watch;
    const where = (what: string) => `${what} of ${name}`;
    const provider = authProvider(manager);
    await watch.outcome(where("token"), () => provider.token());
    await watch.outcome(where("onUnauthorized"), () => provider.onUnauthorized());
    evidence.examine(where("authProvider"), provider);

    const oauth = oauthProvider(manager);
    const form = await oauth.prepareTokenRequest();
    evidence.examine(where("token request"), form);
    evidence.examine(where("client information"), oauth.clientInformation());
    await watch.outcome(where("tokens"), () => oauth.tokens());
    for (const to of [`${stage.issuer(name)}/token`, `${stage.origin}/as/other/token`]) {
      const headers = new Headers();
      // The method adds credentials to the host's request. They are planted below, because the host sends them.
      await watch.outcome(where("addClientAuthentication"), () =>
        oauth.addClientAuthentication(headers, form, to),
      );
      for (const value of [...headers.values(), form.get("client_assertion") ?? ""]) {
        if (value !== "") canaries.plant("credential in a host's request", value.replace(/^\w+ /, ""));
      }
    }
    const answer = { refresh_token: canaries.word("refresh token"), id_token: canaries.word("ID token") };
    const good = { ...answer, access_token: canaries.word("access token"), token_type: "Bearer" };
    for (const tokens of [
      good,
      { ...good, token_type: canaries.word("text of a bad response") },
      { ...good, access_token: "" },
    ]) {
      await watch.outcome(where("saveTokens"), () => oauth.saveTokens(tokens));
    }
    oauth.invalidateCredentials();
    await watch.outcome(where("redirectToAuthorization"), () => oauth.redirectToAuthorization());
    await watch.outcome(where("codeVerifier"), () => oauth.codeVerifier());
    evidence.examine(where("oauthProvider"), oauth);

    const elsewhere = `https://elsewhere.example/?${canaries.word("query")}`;
    const own = { headers: { authorization: `Bearer ${canaries.word("token of the caller's own")}` } };
    await watch.outcome(where("fetch elsewhere"), () => manager.fetch(elsewhere, own));
    await watch.outcome(where("fetch elsewhere"), () => manager.fetch(new Request(elsewhere, own)));
    await watch.outcome(where("getHeaders elsewhere"), () =>
      manager.getHeaders({ method: "GET", url: elsewhere }),
    );
    await watch.outcome(where("wrong scopes"), () =>
      manager.getToken({ scopes: [canaries.phrase("scope")] }),
    );
    await watch.outcome(where("no users"), () =>
      manager.for({ key: "ann", subjectToken: canaries.word("subject token") }),
    );
    watch.look(auth);
  }
  await auth.stop();
  await watch.assertClean(canaries);
});

test("the password of a proxy is not shown", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using proxy = await startConnectProxy();
  await using refusing = await startConnectProxy({ refuse: () => 407 });
  await using watch = new Watch();
  const { port } = new URL(stage.origin);
  const named = `http://stage.example:${port}`;
  stage.script("proxied", {
    metadata: (response) =>
      stage.say.json(response, 200, {
        issuer: `${named}/as/proxied`,
        token_endpoint: `${named}/as/proxied/token`,
      }),
    resource: (response) => stage.say.html(response, 404),
  });
  const client = { issuer: `${named}/as/proxied`, id: "agent", secret: { env: "SECRET" } };
  const password = canaries.word("password of a proxy");
  const with_ = (origin: string) => origin.replace("//", `//agent:${password}@`);
  const proxies = [
    with_(proxy.origin),
    with_(refusing.origin),
    with_("http://127.0.0.1:1"),
    `http//x:${password}@y`,
  ];
  const env = { SECRET: canaries.fresh("secret in a variable") };
  for (const url of proxies) {
    for (const network of [{ proxy: `\${PROXY}` }, {}]) {
      const auth = await watch.outcome("createMcpAuth", () =>
        createMcpAuth({
          config: {
            network: { ...network, allowInsecureHttp: ["stage.example"] },
            defaults: { retry: { attempts: 1 } },
            servers: { proxied: { url: `${named}/mcp/proxied`, grant: { client } } },
          },
          env: { ...env, PROXY: url, HTTP_PROXY: url, HTTPS_PROXY: url },
          logger: watch.logger,
        }),
      );
      if (auth instanceof Error) continue;
      watch.listen(auth);
      await callAll(watch, auth);
      watch.look(auth);
      await auth.stop();
    }
  }
  expect([...proxy.authorizations, ...refusing.authorizations].length).toBeGreaterThan(3);
  for (const sent of [...proxy.authorizations, ...refusing.authorizations])
    canaries.plant("Proxy-Authorization", sent ?? "");
  await watch.assertClean(canaries);
});

test("discover() shows no text of a server except the values that it reports", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using watch = new Watch();
  const { say } = stage;
  stage.script("bare", { resource: (response) => say.html(response, 500) });
  stage.script("odd", { metadata: (response) => say.json(response, 200, { issuer: say.prose() }) });
  for (const name of ["good", "bare", "odd"]) {
    watch.evidence.examine(
      `discover ${name}`,
      await watch.outcome(`discover ${name}`, () => discover(stage.mcp(name))),
    );
  }
  await watch.assertClean(canaries);
});

/** Calls every server and exercises its manager, one after the other. */
async function callAll(watch: Watch, auth: McpAuth<string>, names = auth.servers): Promise<void> {
  for (const name of names) {
    const manager = auth.resolve(name);
    const where = (what: string) => `${what} of ${name}`;
    await watch.outcome(where("fetch"), async () =>
      (await manager.fetch(manager.url, { method: "POST" })).text(),
    );
    watch.evidence.examine(where("token"), await watch.outcome(where("token"), () => manager.getToken()));
    await watch.outcome(where("forced"), () => manager.getToken({ forceRefresh: true }));
    watch.evidence.examine(where("status"), manager.status());
  }
}

function serverOf(stage: Stage, name: string, credential: object) {
  return {
    url: stage.mcp(name),
    grant: { client: { issuer: stage.issuer(name), id: "agent", ...credential } },
  };
}

function pem(canaries: Canaries): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return canaries.plantPem("private key", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
}
