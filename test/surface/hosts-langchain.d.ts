import { McpAuth } from "mcp-auth-runtime";

interface LangChainTool {
    name: string;
    description: string;
    schema: LangChainToolSchema;
    invoke<Result = unknown>(input: unknown, config?: object): Promise<Result>;
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

interface LangChainToolSchema {
    type: "object";
    properties: Record<string, {
        description?: string;
    }>;
    required?: string[];
}

interface LangChainTools extends Array<LangChainTool>, AsyncDisposable {
    close(): Promise<void>;
}

interface LoadToolsOptions {
    readonly prefixToolNameWithServerName?: boolean;
}

declare function loadTools<Name extends string>(auth: McpAuth<Name>, names?: readonly NoInfer<Name>[], options?: LoadToolsOptions): Promise<LangChainTools>;

export {
  LangChainTool,
  LangChainToolSchema,
  LangChainTools,
  LoadToolsOptions,
  loadTools,
};
