/**
 * A tool of LangChain, wherever LangChain accepts one: `createAgent()`, `bindTools()`, `ToolNode`. It has the members of
 * `StructuredToolInterface` of `@langchain/core`.
 */
export interface LangChainTool {
  name: string;
  description: string;
  /** A JSON Schema. */
  schema: LangChainToolSchema;
  /** Calls the tool. The content of its result is text or a list of content blocks. */
  invoke<Result = unknown>(input: unknown, config?: object): Promise<Result>;
  /** @deprecated Use `invoke()`. */
  call<Result = unknown>(input: unknown, config?: object): Promise<Result>;
  batch<Result = unknown>(inputs: unknown[], options?: object, batchOptions?: object): Promise<Result[]>;
  stream(input: unknown, options?: object): Promise<ReadableStream<unknown> & AsyncIterable<unknown>>;
  transform(inputs: AsyncGenerator<unknown>, options: object): AsyncGenerator<unknown>;
  getName(suffix?: string): string;
  returnDirect: boolean;
  lc_namespace: string[];
  lc_serializable: boolean;
  get lc_id(): string[];
}

export interface LangChainToolSchema {
  type: "object";
  properties: Record<string, { description?: string }>;
  required?: string[];
}
