import { generateKeyPairSync } from "node:crypto";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { calculateJwkThumbprint, decodeProtectedHeader, type JWK } from "jose";
import { describe, expect, test } from "vitest";
import type { McpAuth, McpAuthConfig, McpAuthEventName } from "../../src/index.js";
import { liveClock } from "../support/live-clock.js";
import type { RegisteredClient } from "../support/registered-client.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestManager, startWorld, viaFetchV2, type World } from "./harness.js";

const oldSecret = "canary-s3cr3t-old";
const newSecret = "canary-s3cr3t-new";

/** Starts a world whose client registration can change while the server runs. */
async function changingWorld(client: Omit<RegisteredClient, "id">) {
  const clients: RegisteredClient[] = [{ id: "agent", ...client }];
  const world = await startWorld({ clients });
  return {
    ...world,
    register(changed: Omit<RegisteredClient, "id">): void {
      clients[0] = { id: "agent", ...changed };
      // Recreates the provider with the current clients. It signs tokens with the same key as before.
      world.issuer.rotateNonces();
    },
  };
}

function withClient(world: World, client: object): McpAuthConfig<"tools"> {
  const whole = { issuer: world.issuer.issuer, id: "agent", ...client };
  return { servers: { tools: { url: world.mcp.url, grant: { client: whole } } } };
}

const statuses = ({ issuer }: World) => issuer.tokenRequests.map(({ status }) => status);

const names = [
  "token:renewed",
  "token:warning",
  "token:failed",
  "token:rejected",
  "token:cooldown",
  "secret:changed",
  "key:rotated",
] as const satisfies readonly McpAuthEventName[];

/** Returns a function that returns the names of new events. Asserts that no event contains a secret. */
function recordEventNames(auth: McpAuth<string>): () => readonly string[] {
  const heard: string[] = [];
  for (const name of names) {
    auth.on(name, (event) => {
      heard.push(name);
      const shown = inspect(event, { depth: 9, showHidden: true }) + JSON.stringify(event);
      expect(shown).not.toMatch(/canary|PRIVATE KEY|eyJ/);
    });
  }
  return () => heard.splice(0);
}

/** A place for a secret, and how to replace it there. */
interface Place {
  readonly reference: object;
  readonly env: Record<string, string>;
  put(secret: string): Promise<void>;
}

const places: ReadonlyArray<readonly [name: string, make: () => Promise<Place>]> = [
  [
    "a variable",
    async () => {
      const env: Record<string, string> = {};
      return {
        reference: { env: "SECRET" },
        env,
        async put(secret) {
          env["SECRET"] = secret;
        },
      };
    },
  ],
  [
    "a file that is written in place",
    async () => {
      const file = join(await temporaryFolder(), "secret");
      return { reference: { file }, env: {}, put: (secret) => writeFile(file, `${secret}\n`) };
    },
  ],
  [
    "a file that is replaced as a whole",
    async () => {
      const file = join(await temporaryFolder(), "secret");
      return {
        reference: { file },
        env: {},
        async put(secret) {
          await writeFile(`${file}.new`, secret);
          await rename(`${file}.new`, file);
        },
      };
    },
  ],
  [
    "a mounted Kubernetes secret",
    async () => {
      const folder = await temporaryFolder();
      let version = 0;
      await symlink("..data/secret", join(folder, "secret"));
      return {
        reference: { file: join(folder, "secret") },
        env: {},
        async put(secret) {
          version += 1;
          await mkdir(join(folder, `..${version}`));
          await writeFile(join(folder, `..${version}`, "secret"), secret);
          await symlink(`..${version}`, join(folder, "..data_tmp"));
          await rename(join(folder, "..data_tmp"), join(folder, "..data"));
          await rm(join(folder, `..${version - 1}`), { recursive: true, force: true });
        },
      };
    },
  ],
];

describe.each(places)("a secret in %s", (place, make) => {
  async function started() {
    const stored = await make();
    await stored.put(oldSecret);
    const world = await changingWorld({ secret: oldSecret });
    const config = withClient(world, { secret: stored.reference });
    const { auth, manager } = await createTestManager(world, { config, env: stored.env });
    return { stored, world, manager, heard: recordEventNames(auth) };
  }

  test(`a rotated secret in ${place} is used from the next token request on, without a refusal`, async () => {
    const { stored, world, manager, heard } = await started();
    const client = await viaFetchV2(manager);
    expect(await client.echo("before")).toBe("before");
    world.register({ secret: newSecret });
    await stored.put(newSecret);
    await manager.getToken({ forceRefresh: true });
    expect(await client.echo("after")).toBe("after");
    expect(statuses(world)).toEqual([200, 200]);
    expect(heard()).toEqual(["token:renewed", "secret:changed", "token:renewed"]);
  });

  test(`a wrong secret in ${place} works as soon as it is corrected, even during the cool-down`, async () => {
    const { stored, world, manager, heard } = await started();
    world.register({ secret: newSecret });
    expect(await rejectionOf(manager.getToken())).toMatchObject({ oauthError: "invalid_client" });
    expect(await rejectionOf(manager.getToken())).toMatchObject({ oauthError: "invalid_client" });
    expect(statuses(world)).toEqual([401]);
    await stored.put(newSecret);
    const client = await viaFetchV2(manager);
    expect(await client.echo("corrected")).toBe("corrected");
    expect(statuses(world)).toEqual([401, 200]);
    expect(heard()).toEqual(["token:failed", "token:cooldown", "secret:changed", "token:renewed"]);
  });

  test(`a wrong secret in ${place} that is replaced by another wrong one starts another cool-down`, async () => {
    const { stored, world, manager } = await started();
    world.register({ secret: newSecret });
    await rejectionOf(manager.getToken());
    await stored.put("canary-wrong-as-well");
    for (let call = 0; call < 5; call += 1) await rejectionOf(manager.getToken());
    expect(statuses(world)).toEqual([401, 401]);
  });
});

test("a secret that changes while the server refuses the old one is used in a second token request", async () => {
  const world = await changingWorld({ secret: newSecret });
  const env = { SECRET: oldSecret };
  const { auth, manager } = await createTestManager(world, {
    env,
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (response.status === 401 && String(input).endsWith("/token")) env.SECRET = newSecret;
      return response;
    },
  });
  const heard = recordEventNames(auth);
  const client = await viaFetchV2(manager);
  expect(await client.echo("hello")).toBe("hello");
  expect(statuses(world)).toEqual([401, 200]);
  expect(heard()).toEqual(["token:failed", "secret:changed", "token:renewed"]);
});

test("the current token is used while the secret's file is being written", async () => {
  const file = join(await temporaryFolder(), "secret");
  await writeFile(file, oldSecret);
  const world = await changingWorld({ secret: oldSecret });
  const time = liveClock();
  const { manager } = await createTestManager(world, {
    ...{ clock: time.clock, fetch: time.fetch },
    config: withClient(world, { secret: { file } }),
  });
  const first = await manager.getAccessToken();
  await writeFile(file, "");
  // The token needs renewal and has not expired.
  time.clock.jump(3_580_000);
  /** Lets time pass until the work is done. How much is needed depends on how long reading takes. */
  const passTime = async <T>(work: Promise<T>): Promise<T> => {
    let isOver = false;
    const end = work.finally(() => {
      isOver = true;
    });
    while (!isOver) await time.advance(50);
    return await end;
  };
  const calls = Array.from({ length: 20 }, () => manager.getAccessToken());
  expect(new Set(await passTime(Promise.all(calls)))).toEqual(new Set([first]));
  expect(statuses(world)).toEqual([200]);
  await writeFile(file, oldSecret);
  expect((await passTime(manager.getToken({ forceRefresh: true }))).accessToken).not.toBe(first);
});

describe("a key", () => {
  const pair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = ({ privateKey }: ReturnType<typeof pair>) =>
    String(privateKey.export({ type: "pkcs8", format: "pem" }));
  const registered = async ({ publicKey }: ReturnType<typeof pair>) => {
    // A public JWK has only string members.
    const jwk = publicKey.export({ format: "jwk" }) as JWK;
    return { publicKey: { ...jwk, kid: await calculateJwkThumbprint(jwk) } };
  };

  async function started() {
    const folder = await temporaryFolder();
    const file = join(folder, "agent.pem");
    const [old, renewed] = [pair(), pair()];
    const put = async (next: typeof old): Promise<void> => {
      await writeFile(`${file}.new`, pem(next));
      await rename(`${file}.new`, file);
    };
    await put(old);
    const world = await changingWorld(await registered(old));
    const { auth, manager } = await createTestManager(world, {
      config: withClient(world, { key: { privateKey: { file } } }),
    });
    const kids = () =>
      world.issuer.tokenRequests.map(
        ({ params }) => decodeProtectedHeader(String(params["client_assertion"])).kid,
      );
    return { old, renewed, put, world, manager, heard: recordEventNames(auth), kids };
  }

  test("a new key that was registered first is used from the next token request on", async () => {
    const { renewed, put, world, manager, heard, kids } = await started();
    await manager.getToken();
    world.register(await registered(renewed));
    await put(renewed);
    await manager.getToken({ forceRefresh: true });
    expect(statuses(world)).toEqual([200, 200]);
    expect(new Set(kids()).size).toBe(2);
    expect(manager.status().kid).toBe(kids()[1]);
    expect(heard()).toEqual(["token:renewed", "key:rotated", "token:renewed"]);
  });

  test("a new key that is not registered yet is followed once by the previous key", async () => {
    const { renewed, put, world, manager, heard, kids } = await started();
    const client = await viaFetchV2(manager);
    await put(renewed);
    await manager.getToken({ forceRefresh: true });
    expect(await client.echo("hello")).toBe("hello");
    expect(statuses(world)).toEqual([200, 401, 200]);
    const [first, second, third] = kids();
    expect(third).toBe(first);
    expect(second).not.toBe(first);
    expect(heard()).toEqual(["token:renewed", "key:rotated", "token:failed", "token:renewed"]);
    world.register(await registered(renewed));
    await manager.getToken({ forceRefresh: true });
    expect(kids().slice(3)).toEqual([second]);
    expect(heard()).toEqual(["token:renewed"]);
  });

  test("a new key is refused only twice if neither it nor the previous key is registered", async () => {
    const { renewed, put, world, manager, heard } = await started();
    await manager.getToken();
    world.register(await registered(pair()));
    await put(renewed);
    const error = await rejectionOf(manager.getToken({ forceRefresh: true }));
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_client" });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/PRIVATE KEY|eyJ/);
    expect(statuses(world)).toEqual([200, 401, 401]);
    expect(heard().filter((event) => event === "key:rotated")).toHaveLength(1);
  });

  test("a token request waits for a key file that is half-written", async () => {
    const { renewed, world, manager, put } = await started();
    await manager.getToken();
    world.register(await registered(renewed));
    await put(renewed);
    const file = join(await temporaryFolder(), "agent.pem");
    const text = pem(renewed);
    await writeFile(file, text.slice(0, 100));
    const config = withClient(world, { key: { privateKey: { file } } });
    let waiting: () => void = () => {};
    const isWaiting = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const { manager: other } = await createTestManager(world, {
      config,
      clock: {
        now: () => Date.now(),
        setTimeout(callback, milliseconds) {
          // The first pause is the shortest timer.
          if (milliseconds === 10) waiting();
          const timer = setTimeout(callback, milliseconds);
          return { unref: () => void timer.unref(), cancel: () => clearTimeout(timer) };
        },
      },
    });
    const token = other.getToken();
    await isWaiting;
    await writeFile(file, text.slice(100), { flag: "a" });
    expect((await token).tokenType).toBe("Bearer");
    expect(statuses(world)).toEqual([200, 200]);
  });
});
