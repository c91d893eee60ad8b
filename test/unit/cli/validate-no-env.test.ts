// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the config
import { expect, test } from "vitest";
import { command, project } from "./command.js";

const config = {
  servers: {
    crm: {
      url: "${CRM_URL}",
      headers: { "x-tenant": "${TENANT}" },
      timeout: "${TIMEOUT}",
      refresh: { schedule: "${SCHEDULE}" },
      grant: { client: { issuer: "https://${HOST}/", id: "${ID}", secret: { env: "CRM_SECRET" } } },
    },
  },
  store: { type: "file", path: "${FOLDER}/tokens", encryptionKey: { env: "KEY" } },
  network: { ca: "${CA}", proxy: "${PROXY}", allowInsecureHttp: ["${HOST}"] },
};

async function validate(value: object, args: readonly string[], env = {}) {
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify(value, null, 1) });
  return await command(["validate", ...args], { cwd, env });
}

test("validate --no-env accepts a config whose variables are all unset", async () => {
  expect((await validate(config, [])).code).toBe(2);
  expect(await validate(config, ["--no-env"])).toEqual({
    code: 0,
    out: "mcp-auth.config.json: no mistakes, 1 server (secrets not read)\n",
    err: "",
  });
});

test("validate --no-env reads no variable, not even one that is set to something wrong", async () => {
  const env = { TIMEOUT: "soon", CRM_URL: "no URL", SCHEDULE: "* *" };
  expect((await validate(config, [], env)).out).toContain("/servers/crm/timeout");
  expect((await validate(config, ["--no-env"], env)).code).toBe(0);
});

test("validate --no-env finds every mistake that no value could repair", async () => {
  const { servers } = config;
  const wrong = {
    ...config,
    servers: {
      crm: {
        ...servers.crm,
        timeout: "soon",
        tiemout: "${TIMEOUT}",
        refresh: { schedule: "${SCHEDULE:-* *}" },
        grant: { client: { issuer: "https://${HOST}/", id: "${ID}", secret: "${CRM_SECRET}" } },
      },
    },
  };
  const { code, out } = await validate(wrong, ["--no-env"]);
  expect(code).toBe(2);
  const places = out
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ")[1]);
  expect(places).toEqual([
    "/servers/crm/timeout:",
    "/servers/crm/refresh/schedule:",
    "/servers/crm/grant/client/secret:",
    "/servers/crm/tiemout:",
  ]);
});

test.each([["--secrets"], ["--env-file=.env"]])("--no-env excludes %s", async (option) => {
  const { code, err } = await validate(config, ["--no-env", option]);
  expect([code, err]).toEqual([
    2,
    "error: --no-env reads no variable, so it excludes --secrets and --env-file.\n",
  ]);
});
