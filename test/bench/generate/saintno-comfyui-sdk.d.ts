// What the benchmark uses of the peer: its own declarations are not found under "moduleResolution": "nodenext", because its
// package.json lists "types" after "import".
declare module "@saintno/comfyui-sdk" {
  export type PeerWorkflow = Record<string, { class_type: string; inputs: Record<string, unknown> }>;
  export enum EQueueMode {
    PICK_ZERO,
    PICK_LOWEST,
    PICK_ROUTINE,
  }
  export class ComfyApi {
    readonly id: string;
    constructor(host: string, clientId?: string);
  }
  export class ComfyPool {
    constructor(clients: ComfyApi[], mode?: EQueueMode, options?: { maxQueueSize?: number });
    batch<T>(jobs: ((client: ComfyApi) => Promise<T>)[], weight?: number): Promise<T[]>;
  }
  export class PromptBuilder {
    constructor(workflow: PeerWorkflow, inputKeys: string[], outputKeys: string[]);
    setInputNode(key: string, path: string): this;
    setOutputNode(key: string, node: string): this;
    input(key: string, value: string | number): this;
  }
  export class CallWrapper {
    constructor(client: ComfyApi, workflow: PromptBuilder);
    run(): Promise<Record<string, unknown> | false | undefined>;
  }
}
