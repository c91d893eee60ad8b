import type { CommandIo } from "./io.js";

/** An argument of a command that is not an option. */
export interface ArgumentDefinition {
  /** As the usage shows it: `SERVER`. */
  readonly name: string;
  /** What it is, for completion. */
  readonly is: "server" | "url" | "host" | "shell" | "text";
  readonly optional?: true;
  /** Whether it may be repeated. Only for the last one. */
  readonly many?: true;
}

/** An option, as `util.parseArgs` reads it, and what people need to know about it. */
export interface OptionDefinition {
  readonly type: "boolean" | "string";
  readonly short?: string;
  readonly multiple?: true;
  /** What it does, as in the list of `--help`: lower case, no period. */
  readonly help: string;
  /** The name of the value in the usage: `FILE`. Only for strings. */
  readonly value?: string;
  /** All values that are allowed. */
  readonly values?: readonly string[];
  /** Whether the value is a path, for completion. */
  readonly file?: true;
}

export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

/** The options of every command. */
export const commonOptions = {
  config: { type: "string", value: "FILE", file: true, help: "use this config instead of searching for one" },
  "env-file": {
    type: "string",
    multiple: true,
    value: "FILE",
    file: true,
    help: "read variables from a file; those already set win",
  },
  help: { type: "boolean", short: "h", help: "show how to use a command" },
} as const satisfies OptionDefinitions;

type ValueOf<O extends OptionDefinition> = O extends { readonly type: "boolean" }
  ? boolean
  : O extends { readonly multiple: true }
    ? string[]
    : O extends { readonly values: readonly (infer V)[] }
      ? V
      : string;

/** What the person typed after the name of the command. */
export interface CommandInput<O extends OptionDefinitions> {
  readonly values: {
    readonly [Name in keyof (O & typeof commonOptions)]?: ValueOf<(O & typeof commonOptions)[Name]>;
  };
  /** As many as `args` of the definition allows. */
  readonly args: readonly string[];
  /** What comes after `--`. Empty unless the definition has `passes`. */
  readonly rest: readonly string[];
}

/** The values of the options of every command. */
export type CommonValues = CommandInput<Record<never, never>>["values"];

/** A command, and all that people can read about it. Help, completion and the manual page are made from it. */
export interface CommandDefinition<O extends OptionDefinitions> {
  readonly args?: readonly ArgumentDefinition[];
  /** What the command takes after `--`, as the usage shows it. */
  readonly passes?: string;
  /** What it does, in whole sentences. Paragraphs are separated by an empty line, and lines are wrapped. */
  readonly description: string;
  readonly options?: O;
  /** What to know besides, such as exit codes, in whole sentences. */
  readonly notes?: string;
  /** Command lines without `npx mcp-auth-runtime`, each with what it does. */
  readonly examples: readonly (readonly [commandLine: string, does: string])[];
  /** Returns the exit code. */
  // A method, so that a command can stand where commands with any options are expected.
  run(input: CommandInput<O>, io: CommandIo): Promise<number>;
}

export type Command = CommandDefinition<OptionDefinitions>;

/** Returns the definition. It only helps the compiler to find the type of the options. */
export function defineCommand<const O extends OptionDefinitions = Record<never, never>>(
  definition: CommandDefinition<O>,
): CommandDefinition<O> {
  return definition;
}
