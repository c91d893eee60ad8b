declare class Changes {
    #private;
    has(key: string): boolean;
    listen(key: string, listener: () => void): () => void;
    unused(key: string): Promise<void>;
    notify(key: string): void;
}

interface Clock {
    now(): number;
    setTimeout(callback: () => void, milliseconds: number): ClockTimer;
}

interface ClockTimer {
    unref(): void;
    cancel(): void;
}

interface Entry {
    readonly value: string;
    readonly expiresAt: number;
}

interface Lease {
    readonly fence: number;
    readonly signal: AbortSignal;
}

type Locked<T> = {
    readonly acquired: true;
    readonly value: T;
} | {
    readonly acquired: false;
};

declare class MemoryData {
    readonly entries: Map<string, Entry>;
    readonly locked: Set<string>;
    readonly fences: Map<string, number>;
    readonly changes: Changes;
}

interface MemoryStoreOptions {
    readonly clock?: Clock;
    readonly data?: MemoryData;
}

interface SetOptions {
    readonly expiresIn?: number | undefined;
    readonly fence?: number | undefined;
}

interface StoreRequirement {
    readonly name: string;
    readonly run: () => Promise<void>;
}

interface StoreUnderTest {
    readonly open: () => TokenStore | Promise<TokenStore>;
    readonly lease?: number;
}

interface StoredValue {
    readonly value: string;
    readonly expiresIn?: number;
}

interface TokenStore {
    get(key: string): Promise<StoredValue | undefined>;
    set(key: string, value: string, options?: SetOptions): Promise<boolean>;
    delete(key: string): Promise<void>;
    compareAndDelete(key: string, value: string): Promise<boolean>;
    withLock<T>(key: string, ttl: number, run: (lease: Lease) => Promise<T>): Promise<Locked<T>>;
    onChange(key: string, listener: () => void): () => void;
    keys(prefix: string): Promise<readonly string[]>;
    quarantine?(key: string, value: string): Promise<void>;
    close(): Promise<void>;
}

declare function createMemoryStore({ clock, data }?: MemoryStoreOptions): TokenStore;

declare function storeContract({ open, lease }: StoreUnderTest): readonly StoreRequirement[];

export {
  MemoryData,
  MemoryStoreOptions,
  StoreRequirement,
  StoreUnderTest,
  createMemoryStore,
  storeContract,
};
