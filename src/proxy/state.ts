import { createHash, randomUUID } from "node:crypto";
import { link, lstat, readdir, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { hasErrorCode, ignoreSystemError, systemErrorCode } from "../errors/expected-errors.js";
import { parseJsonObject } from "../lib/json-object.js";
import { withoutBrackets } from "../lib/listen-address.js";
import { isLoopbackAddress } from "../lib/loopback.js";
import { printable } from "../lib/printable.js";
import { makeFolderDurably, writeDurably } from "../stores/durable-file.js";
import { NotOurs } from "../stores/failure.js";
import { isOurs, readOwnFile, removeOwnFile } from "../stores/own-files.js";
import { secureStoreFolder } from "../stores/secure-folder.js";
import { stateFolder, stateVariable } from "../stores/state-folder.js";
import { generateToken, isGeneratedToken } from "./local-token.js";

/** A proxy that runs, as other commands find it. */
export interface RunningProxy {
  readonly pid: number;
  /** Such as "http://127.0.0.1:8484". */
  readonly origin?: string;
  /** Absolute. */
  readonly socket?: string;
}

/** Names a token that is kept: `local` is for hosts, `operating` for status and metrics. */
export type KeptToken = "local" | "operating";

/**
 * What the proxies of one config keep between runs, in files with mode 0600: the tokens, so that the settings of a host
 * stay valid, and where the proxy listens. All functions reject with `config_invalid` if the files cannot be used.
 */
export class ProxyState {
  readonly folder: string;

  /** @param config the path of the config file */
  constructor(config: string, env: Readonly<Record<string, string | undefined>>) {
    const id = createHash("sha256").update(config).digest("hex").slice(0, 16);
    this.folder = join(stateFolder({ env }), "proxy", id);
  }

  /** Returns a token that was generated before, else generates one. */
  async token(name: KeptToken): Promise<string> {
    return (await this.findToken(name)) ?? (await this.#createToken(name));
  }

  async findToken(name: KeptToken): Promise<string | undefined> {
    const text = (await this.#read(this.#file(name)))?.trim();
    // Anything else is a damaged file, or one that somebody could guess.
    return text !== undefined && isGeneratedToken(text) ? text : undefined;
  }

  /** Replaces a token. A running proxy uses the old one until it is restarted. */
  async replaceToken(name: KeptToken): Promise<string> {
    const token = generateToken();
    await this.#write(this.#file(name), token);
    return token;
  }

  /** Returns the proxy that was started last of those that run, `undefined` if none does. */
  async running(): Promise<RunningProxy | undefined> {
    const files = await this.#use(async () => {
      await secureStoreFolder(this.folder);
      return await readdir(this.folder).catch(ifMissing);
    });
    const proxies = (files ?? []).filter((name) => /^running-\d+\.json$/.test(name));
    const found = await Promise.all(proxies.map((name) => this.#readRunning(join(this.folder, name))));
    const alive = found.flatMap((each) => each ?? []).sort((a, b) => b.writtenAt - a.writtenAt);
    return alive[0]?.proxy;
  }

  async noteRunning(proxy: RunningProxy): Promise<void> {
    await this.#write(this.#running(proxy.pid), JSON.stringify(proxy));
  }

  /** Removes the address of this process. */
  async noteStopped(): Promise<void> {
    await this.#use(() => removeOwnFile(this.#running(process.pid)));
  }

  /** Reads the address of a proxy. Removes it if the proxy has died. */
  async #readRunning(file: string): Promise<{ proxy: RunningProxy; writtenAt: number } | undefined> {
    const writtenAt = (await this.#use(async () => await stat(file).catch(ifMissing)))?.mtimeMs;
    const { pid, origin, socket } = parseJsonObject((await this.#read(file)) ?? "") ?? {};
    if (writtenAt === undefined) return undefined;
    if (typeof pid !== "number" || !(await isAlive(pid))) {
      await this.#use(() => removeOwnFile(file));
      return undefined;
    }
    const places = {
      ...(isLocalOrigin(origin) && { origin }),
      ...(typeof socket === "string" && isAbsolute(socket) && { socket }),
    };
    if (places.origin === undefined && places.socket === undefined) return undefined;
    return { proxy: { pid, ...places }, writtenAt };
  }

  /** One file for each proxy, because a config can have several. */
  #running(pid: number): string {
    return join(this.folder, `running-${pid}.json`);
  }

  #file(name: KeptToken): string {
    return join(this.folder, `${name}-token`);
  }

  async #createToken(name: KeptToken): Promise<string> {
    const file = this.#file(name);
    // Two proxies may start at once. Only one of them can give its file the name.
    const draft = `${file}.${randomUUID()}`;
    await this.#write(draft, generateToken());
    await this.#use(async () => {
      await link(draft, file).catch((error: unknown) => {
        if (!hasErrorCode(error, "EEXIST")) throw error;
      });
      await removeOwnFile(draft);
    });
    return (await this.findToken(name)) ?? (await this.replaceToken(name));
  }

  /** Returns the text of a file that only our user can read and replace; `undefined` if it does not exist. */
  async #read(file: string): Promise<string | undefined> {
    return await this.#use(async () => {
      await secureStoreFolder(this.folder);
      const found = await lstat(file).catch(ifMissing);
      if (found?.isFile() === true && process.geteuid !== undefined && (found.mode & 0o077) !== 0)
        throw new NotOurs("other users can open a file in it");
      return await readOwnFile(file);
    });
  }

  async #write(file: string, text: string): Promise<void> {
    await this.#use(async () => {
      await makeFolderDurably(this.folder);
      await secureStoreFolder(this.folder);
      await writeDurably(file, `${text}\n`);
    });
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const reason = error instanceof NotOurs ? error.message : systemErrorCode(error);
      if (reason === undefined) throw error;
      throw new McpAuthError(
        "config_invalid",
        `The state of the proxy in ${printable(this.folder)} cannot be used (${reason}). Correct its owner and mode, or ` +
          `set "token" under "proxy" in the config and ${stateVariable()} to another folder.`,
      );
    }
  }
}

/**
 * Whether a process of our user has this number. After the proxy has died, a process of another user may get it, and
 * listen on the port to receive the operating token.
 */
async function isAlive(pid: number): Promise<boolean> {
  // Zero and negative numbers mean groups of processes.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process is of another user.
    if (systemErrorCode(error) === undefined && !hasErrorCode(error, "ERR_INVALID_ARG_TYPE")) throw error;
    return false;
  }
  // Root may signal any process. Only Linux has this folder. That of a process with capabilities belongs to root.
  const found = await stat(`/proc/${pid}`).catch(ignoreSystemError);
  return found === undefined || found.uid === 0 || isOurs(found);
}

function ifMissing(error: unknown): undefined {
  if (!hasErrorCode(error, "ENOENT")) throw error;
}

function isLocalOrigin(origin: unknown): origin is string {
  if (typeof origin !== "string" || !/^http:\/\/[\d.[]/.test(origin) || !URL.canParse(origin)) return false;
  const { origin: parsed, hostname } = new URL(origin);
  return parsed === origin && isLoopbackAddress(withoutBrackets(hostname));
}
