import { constants } from "node:fs";
import { access, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, sep } from "node:path";
import type { AzureReference } from "../../config/spec.js";
import { errorCode, ignoreSystemError, isProgrammingError } from "../../errors/expected-errors.js";
import { parseJsonObject } from "../../lib/json-object.js";
import { isLoopbackHost } from "../../lib/loopback.js";
import { openToRead, readAtMost } from "../../lib/read-file.js";
import type { BoundedResponse } from "../../net/bounded-fetch.js";
import { secretUnavailable } from "../reference.js";
import type { SecretContext } from "../secret-context.js";
import { askService, directFetch, refused } from "./ask-service.js";
import { addParameters } from "./azure-resource.js";
import { accessTokenOf } from "./azure-response.js";
import { serviceAddress, variable } from "./service-address.js";

type Env = SecretContext["env"];

const defaultEndpoint = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
/** Bytes. The agent's keys are shorter. */
const longestKey = 4_096;

/** The folders of the agent of Azure Arc. Only root and the agent can write to them. */
interface ArcFolders {
  /** The program of the agent. */
  readonly agent: string;
  /** The folder of its key files. */
  readonly tokens: string;
}

function arcFolders(env: Env): ArcFolders | undefined {
  if (process.platform === "linux") {
    return { agent: "/opt/azcmagent/bin/himds", tokens: "/var/opt/azcmagent/tokens" };
  }
  const data = variable(env, "ProgramData");
  const programs = variable(env, "ProgramFiles");
  if (process.platform !== "win32" || data === undefined || programs === undefined) return undefined;
  return {
    agent: join(programs, "AzureConnectedMachineAgent", "himds.exe"),
    tokens: join(data, "AzureConnectedMachineAgent", "Tokens"),
  };
}

/** Whether this is a machine of Azure Arc: its variables are set, or its agent is installed. */
export async function isArcMachine(env: Env, folders = arcFolders(env)): Promise<boolean> {
  if (variable(env, "IDENTITY_ENDPOINT") !== undefined) return variable(env, "IMDS_ENDPOINT") !== undefined;
  if (folders === undefined) return false;
  try {
    await access(folders.agent, constants.R_OK);
    return true;
  } catch (error) {
    ignoreSystemError(error);
    return false;
  }
}

/**
 * Requests a token from the agent of Azure Arc on this machine. The agent names a file that only privileged processes
 * can read, and answers a second request that has its content.
 */
export async function readFromArc(
  reference: AzureReference,
  context: SecretContext,
  folders = arcFolders(context.env),
): Promise<string> {
  const { server, env } = context;
  const { clientId } = reference.azure;
  const fail = (problem: string) => secretUnavailable(reference, server, problem);
  if (folders === undefined) throw fail("Azure Arc is supported on Linux and Windows only.");
  const url = serviceAddress(variable(env, "IDENTITY_ENDPOINT") ?? defaultEndpoint);
  // The answer names a file whose content is sent there.
  if (url === undefined || !isLoopbackHost(url.hostname)) {
    throw fail(
      "IDENTITY_ENDPOINT is not an address of this machine, so nothing was sent. Correct it, or remove it.",
    );
  }
  addParameters(url, "2019-11-01", reference);
  const service = {
    name: "the agent of Azure Arc",
    endpoint: "metadata service",
    where: "Start the agent (himds) on this machine, or use another reference.",
    fetch: directFetch(context),
  } as const;
  // Without a challenge there is no proof that the agent answered: any program may listen on the port.
  const unexpected = (response: BoundedResponse) =>
    response.status === 200
      ? fail("the agent of Azure Arc did not ask for a key file, so its answer was not used.")
      : refused(response, "Check the agent of Azure Arc.", { reference, context, service });
  const ask = (headers: Readonly<Record<string, string>>) =>
    askService(service, { url: url.href, headers: { metadata: "true", ...headers } }, reference, context);
  const first = await ask({});
  if (first.status !== 401) throw unexpected(first);
  const path = /^Basic realm="?([^"]+)"?$/i.exec(first.headers.get("www-authenticate") ?? "")?.[1];
  if (path === undefined) throw fail("the answer of the agent of Azure Arc names no key file.");
  const key = await readKey(path, folders.tokens);
  if ("problem" in key) throw fail(key.problem);
  const second = await ask({ authorization: `Basic ${key.text}` });
  if (second.status === 401) throw fail("the agent of Azure Arc rejected the content of its own key file.");
  const token = accessTokenOf(second, service, reference, context);
  // Agents that do not know user-assigned identities ignore the parameter, and issue a token for the machine.
  if (clientId !== undefined && !namesClient(second.body, clientId)) {
    throw fail(
      "the agent of Azure Arc does not confirm that the token is for `clientId`, so it was not used. Update the agent, " +
        "or remove `clientId` to use the identity of the machine.",
    );
  }
  return token;
}

function namesClient(body: string, clientId: string): boolean {
  const named = parseJsonObject(body)?.["client_id"];
  return typeof named === "string" && named.toLowerCase() === clientId.toLowerCase();
}

type KeyResult = { readonly text: string } | { readonly problem: string };

/** Reads the key file that the agent named, if it is a key file in the folder of the agent. */
async function readKey(path: string, folder: string): Promise<KeyResult> {
  const outside = {
    problem: "the agent of Azure Arc named a file that is not one of its key files, so it was not read.",
  };
  if (!isAbsolute(path) || !path.endsWith(".key") || dirname(path) !== folder) return outside;
  try {
    const real = await realpath(path);
    if (real !== join(await realpath(folder), path.slice(folder.length + sep.length))) return outside;
    // Windows does not have `O_NOFOLLOW`.
    const file = await openToRead(real, constants.O_NOFOLLOW ?? 0);
    try {
      if (!(await file.stat()).isFile()) return outside;
      const bytes = await readAtMost(file, longestKey + 1);
      if (bytes.length > longestKey) return { problem: `its key file has more than ${longestKey} bytes.` };
      const text = bytes.toString("latin1").trim();
      // What cannot be in a header would appear in the error of `fetch`.
      return /^[\x21-\x7e]+$/.test(text) ? { text } : { problem: "its key file has no key." };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    const code = errorCode(error);
    if (code !== "EACCES" && code !== "EPERM") return { problem: "its key file could not be read." };
    return {
      problem:
        "this process may not read the key file of the agent of Azure Arc. Run the agent as a member of the group " +
        '"himds" (Linux) or "Hybrid agent extension applications" (Windows).',
    };
  }
}
