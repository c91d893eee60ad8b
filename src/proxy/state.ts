import { createHash } from "node:crypto";
import { link } from "node:fs/promises";
import { join } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { hasErrorCode, systemErrorCode } from "../errors/expected-errors.js";
import { parseJsonObject } from "../lib/json-object.js";
import { printable } from "../lib/printable.js";
import { makeFolderDurably, writeDurably } from "../stores/durable-file.js";
import { NotOurs } from "../stores/failure.js";
import { readOwnFile, removeOwnFile } from "../stores/own-files.js";
import { secureStoreFolder } from "../stores/secure-folder.js";
import { stateFolder } from "../stores/state-folder.js";
import { generateToken } from "./local-token.js";

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
    const text = await this.#use(() => readOwnFile(this.#file(name)));
    return text === undefined || text.trim() === "" ? undefined : text.trim();
  }

  /** Replaces a token. A running proxy uses the old one until it is restarted. */
  async replaceToken(name: KeptToken): Promise<string> {
    const token = generateToken();
    await this.#write(this.#file(name), token);
    return token;
  }

  /** Returns the proxy that wrote its address last, `undefined` if it has stopped since. */
  async running(): Promise<RunningProxy | undefined> {
    const text = await this.#use(() => readOwnFile(this.#running));
    const found = parseJsonObject(text ?? "");
    const { pid, origin, socket } = found ?? {};
    if (typeof pid !== "number" || !isAlive(pid)) return undefined;
    return {
      pid,
      ...(typeof origin === "string" && { origin }),
      ...(typeof socket === "string" && { socket }),
    };
  }

  async noteRunning(proxy: RunningProxy): Promise<void> {
    await this.#write(this.#running, JSON.stringify(proxy));
  }

  /** Removes the address of this process, unless another proxy has replaced it. */
  async noteStopped(): Promise<void> {
    if ((await this.running())?.pid === process.pid) await this.#use(() => removeOwnFile(this.#running));
  }

  get #running(): string {
    return join(this.folder, "running.json");
  }

  #file(name: KeptToken): string {
    return join(this.folder, `${name}-token`);
  }

  async #createToken(name: KeptToken): Promise<string> {
    const file = this.#file(name);
    // Two proxies may start at once. Only one of them can give its file the name.
    const draft = `${file}.${process.pid}`;
    await this.#write(draft, generateToken());
    await this.#use(async () => {
      await link(draft, file).catch((error: unknown) => {
        if (!hasErrorCode(error, "EEXIST")) throw error;
      });
      await removeOwnFile(draft);
    });
    return (await this.findToken(name)) ?? (await this.replaceToken(name));
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
          'set "token" under "proxy" in the config and XDG_STATE_HOME to another folder.',
      );
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs as another user.
    return hasErrorCode(error, "EPERM");
  }
}
