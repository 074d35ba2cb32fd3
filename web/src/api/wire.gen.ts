// Written by `python -m server.typescript` from the server's structs. Do not edit.

/** The flat request of the simple door: the fields of every recipe, and of the job. */
export type Generate = {
  prompt: string; negative_prompt?: string; model?: string | null; width?: number | null;
  height?: number | null; steps?: number | null; guidance_scale?: number | null;
  sampler?: string | null; scheduler?: string | null; seed?: number | null; clip_skip?: number;
  loras?: LoraUse[]; control?: ControlUse[]; guidance_rescale?: number; guidance_start?: number;
  guidance_end?: number; true_cfg_scale?: number; variation_seed?: number | null;
  variation_strength?: number; seamless?: "both" | "off" | "x" | "y"; regions?: RegionUse[];
  image_prompts?: ImagePromptUse[]; vae?: string | null; text_encoder?: string | null;
  text_encoder_2?: string | null; text_encoder_3?: string | null; count?: number;
  init_image?: string | null; mask_image?: string | null; strength?: number | null;
  board?: string | null; priority?: number; max_rows?: number | null; exact?: boolean;
  webhook?: Webhook | null; dynamic_prompts?: "combinatorial" | "off" | "random";
  styles?: string[]; mask_blur?: number; mask_grow?: number; mask_invert?: boolean;
  only_masked?: boolean; mask_padding?: number; match_colors?: boolean; extend_left?: number;
  extend_right?: number; extend_top?: number; extend_bottom?: number;
  infill?: "edge" | "noise" | "tile"; hires_factor?: number | null;
  hires_strength?: number | null; hires_steps?: number | null; hires_upscaler?: string | null;
  hires_resample?: "bicubic" | "bilinear" | "lanczos" | "nearest" | null;
  upscaler?: string | null; factor?: number | null; tile_size?: number | null;
  tile_overlap?: number | null;
};
/** A LoRA and how strongly it is applied. */
export type LoraUse = { model: string; weight: number; };
/** A ControlNet, and the picture that it steers by. */
export type ControlUse = {
  model: string; image: string; weight: number; start: number; end: number;
  mode: "balanced" | "control" | "prompt"; resize: "crop" | "fit" | "stretch";
  preprocessor: "canny" | "color" | "invert" | "lineart" | "luminance" | "none" | "tile" | "xdog";
  low: number | null; high: number | null;
};
/** A part of the picture that follows a prompt of its own. */
export type RegionUse = { prompt: string; mask_image: string; weight: number; };
/** An IP-Adapter, and the picture that is followed beside the prompt. */
export type ImagePromptUse = {
  model: string; image: string; weight: number; start: number; end: number;
};
/** An address that is told, by a signed POST, how what was asked for ended. */
export type Webhook = {
  url: string; events: ("batch.ended" | "job.ended" | "training.ended")[] | null;
};
/** Jobs from a graph or a recipe, and how they vary. */
export type Enqueue = {
  graph?: Graph | null; recipe?: Record<string, unknown> | null; sweep?: Sweep | null;
  runs?: number; priority?: number; board?: string | null; exact?: boolean;
  max_rows?: number | null; webhook?: Webhook | null;
};
/** A directed acyclic graph of nodes; sinks are its results. */
export type Graph = { nodes: GraphNode[]; format: number; };
/** One node: its type, its settings, and what is wired into its input ports. */
export type GraphNode = {
  id: string; type: string; version: number; settings: Record<string, unknown>;
  inputs: Record<string, [string, string]>;
};
/** Axes and how they combine. */
export type Sweep = { axes: Axis[]; mode: "product" | "zip"; };
/** One swept setting and its values; or, with ``zip`` alone, axes that advance together. */
export type Axis = {
  setting: string; node: string | null; values: unknown[] | Span; replace: string | null;
  zip: Axis[];
};
/** Values by rule: a run of numbers, seeds drawn by chance, pictures of a board or a folder. */
export type Span = {
  start: number | null; count: number | null; stop: number | null; step: number;
  random: number | null; board: string | null; folder: string | null;
};
/** A graph as it would be sent. */
export type CheckGraph = { graph: Graph; };
/** A workflow as it is saved; its graph need not be one that runs. */
export type NewWorkflow = {
  name: string; description?: string; graph: Graph; inputs?: WorkflowInput[];
  outputs?: WorkflowOutput[]; layout?: Record<string, unknown>; tags?: string[];
};
/** A setting that a run may fill; entries of one name are one input that fills several. */
export type WorkflowInput = { name: string; node: string; setting: string; label: string; };
/** A result that has a name. */
export type WorkflowOutput = { name: string; node: string; port: string; };
/** What a workflow becomes, and the version that was read before. */
export type SaveWorkflow = {
  name: string; description?: string; graph: Graph; inputs?: WorkflowInput[];
  outputs?: WorkflowOutput[]; layout?: Record<string, unknown>; tags?: string[];
  workflow: string; version: number;
};
/** A preset as it is saved: words around a prompt, settings, or both. */
export type NewPreset = {
  name: string; prompt?: string; negative_prompt?: string; settings?: Record<string, unknown>;
};
/** One action on many pictures. */
export type ImagesAction = {
  ids: string[]; action: "delete" | "delete_forever" | "move" | "restore" | "star" | "unstar";
  board?: string | null;
};
/** Where a model is to come from. */
export type InstallModel = {
  source: string; name?: string | null; in_place?: boolean; sha256?: string | null;
};
/** A folder of pictures on the server's machine, of any program. */
export type ImportImages = {
  folder: string; mode?: "copy" | "reference"; recursive?: boolean; board?: string | null;
  by_folder?: boolean; invokeai_database?: string | null;
};
/** A training: what is taught, to which model, and the fields of its recipe. */
export type Train = {
  method?: "dora" | "embedding" | "full" | "lokr" | "lora" | "pivotal"; rank?: number | null;
  alpha?: number | null; targets?: "all" | "attention" | "attention_feed_forward" | null;
  start_lora?: string | null; token_vectors?: number; token_start?: string | null;
  train_denoiser?: boolean; train_text_encoder?: boolean | null;
  te_stop_fraction?: number | null;
  optimizer?: "adafactor" | "adamw" | "adamw8bit" | "came" | "prodigy" | null;
  lr_unet?: number | null; lr_te?: number | null; lr_emb?: number | null; weight_decay?: number;
  betas?: [number, number]; eps?: number; clip?: number;
  schedule?: "constant" | "cosine" | "cosine_restarts" | "linear" | "polynomial" | null;
  warmup?: number | null; ema?: number | null; max_steps?: number | null; batch?: number;
  class_per_instance?: number; accumulate?: number;
  prior?: "images" | "live" | "off" | "self_distill" | null; prior_weight?: number;
  num_class_images?: number; prior_steps?: number; prior_guidance?: number;
  captions?: "auto" | "json" | "off" | "text"; caption_dropout?: number | null;
  templates?: string[]; repeats?: number; resolution?: number | null; buckets?: boolean;
  bucket_step?: number; crop?: "center" | "random"; crop_variants?: number; flip?: boolean;
  transparency?: "black" | "gray" | "mask" | "random" | "white"; mask_background?: number;
  held_out?: number; snr_gamma?: number | null; noise_offset?: number; ztsnr?: boolean;
  huber?: number; timesteps?: "logit_normal" | "uniform" | null;
  precision?: "bfloat16" | "float16" | "float32" | null; grad_checkpoint?: boolean | null;
  quantize?: "fp8" | "int8" | "nf4" | "none" | null; compile?: boolean; cache_latents?: boolean;
  cache_text?: boolean; seed?: number; deterministic?: boolean; checkpoint_every?: number;
  checkpoint_minutes?: number; keep_last?: number; snapshot_every?: number;
  sample_every?: number; sample_prompts?: string[]; validate_every?: number;
  trackers?: ("csv" | "tensorboard" | "wandb")[]; on_nan?: "rollback" | "stop";
  parallel?: number; name?: string | null; dataset?: string | null; token?: string;
  class_word?: string; subjects?: Subject[]; instance_prompt?: string | null;
  class_prompt?: string | null; base_model?: string; sweep?: Sweep | null;
  branch_from?: BranchFrom | null; priority?: number; webhook?: Webhook | null;
};
/** One thing that a run teaches: which pictures show it, and what it is called. */
export type Subject = {
  dataset: string; token: string; class_word: string; instance_prompt: string | null;
  class_prompt: string | null;
};
/** Another run's state to begin with. */
export type BranchFrom = { training: string; checkpoint: string | number; trust: boolean; };
/** The jobs of one request; with its pictures where the caller waited for them. */
export type Generated = { batch: string; jobs: Job[]; images?: Image[] | null; };
/** One unit of work in the queue. */
export type Job = {
  id: string; batch: string; kind: "graph" | "task" | "training"; owner: string;
  status: "canceled" | "failed" | "quarantined" | "queued" | "running" | "succeeded";
  priority: number; position: number | null; attempt: number; created: string;
  started: string | null; ended: string | null; seconds: number | null; progress: Progress;
  eta_seconds: number | null; overrides: Record<string, unknown>; images: string[];
  error: Problem | null; successor: string | null; result: Record<string, unknown> | null;
  degraded: string[]; cached: string[];
};
/** How far a running job is. */
export type Progress = { step: number; steps: number; phase: string; cached: string[]; };
/** One thing that is wrong, and where. */
export type Problem = {
  code: string; pointer?: string; node?: string | null; path?: string | null; message?: string;
  params?: Record<string, string | number | null>;
};
/** One picture: its file, where it came from, and what people did with it. */
export type Image = {
  id: string; order: number; kind: "mask" | "output" | "sample" | "upload"; width: number;
  height: number; bytes: number; sha256: string; created: string; made: string | null;
  job: string | null; batch: string | null; board: string | null; starred: boolean;
  note: string | null; prompt: string | null; negative_prompt: string | null;
  model: string | null; seed: number | null; steps: number | null; sampler: string | null;
  guidance_scale: number | null; intermediate: boolean; deleted: string | null; url: string;
  thumbnail_url: string;
};
/** What came of it: the first 200 ids; the rest is found by the batch. */
export type Enqueued = { batch: string; count: number; jobs: string[]; };
/** What a request for jobs would come to. */
export type Planned = { count: number; seconds: number | null; eta_seconds: number | null; };
/** A batch with a page of its cells, in the order of its axes: the last turns fastest. */
export type BatchCells = {
  id: string; count: number; counts: Record<string, number>; retried: number;
  max_rows: number | null; axes: Axis[]; recipe: Record<string, unknown> | null; graph: Graph;
  created: string; ended: string | null; eta_seconds: number | null; owner: string; cells: Job[];
  next: string | null;
};
/** What a prompt takes of what a model reads; all null where that is not known. */
export type CountedWords = {
  tokens: number | null; window: number | null; windows: number | null; cut: boolean;
};
/** Files of words; `__name__` in a dynamic prompt takes a line of one. */
export type WildcardNames = { items: string[]; };
/** How to make a picture again: the fields of its recipe if it has one, and its graph. */
export type MadeBy = { recipe: Record<string, unknown> | null; graph: Graph; };
/** A link that works without a token until it expires. */
export type Link = { url: string; };
/** Where a page of the list begins. */
export type Mark = {
  cursor: string; id: string; order: number; created: string; count: number;
};
/** What a picture's metadata says. */
export type Inspected = {
  format: "jpeg" | "png" | "webp"; width: number; height: number; made: Provenance | null;
  heliograph: Record<string, unknown> | null; a1111: Record<string, unknown> | null;
  workflow: string | null; keywords: string[];
};
/** What made a picture, in our words; null where its metadata does not say. */
export type Provenance = {
  source: "a1111" | "comfyui" | "fooocus" | "heliograph" | "invokeai" | "novelai" | "swarmui";
  version: string | null; prompt: string; negative_prompt: string; seed: number | null;
  steps: number | null; sampler: string | null; scheduler: string | null;
  guidance_scale: number | null; width: number | null; height: number | null;
  strength: number | null; clip_skip: number | null; model: string | null;
  model_hash: string | null; loras: LoraUsed[]; raw: Record<string, string>; remarks: Problem[];
};
/** A LoRA that a picture was made with. */
export type LoraUsed = { name: string; weight: number | null; };
/** How models of a family can be sampled. */
export type Possible = { samplers: string[]; schedules: string[]; seamless: boolean; };
/** One board. */
export type Board = {
  id: string; name: string; count: number; cover: string | null; created: string; owner: string;
};
/** Which pictures it worked for; the others are gone, or not yours. */
export type Done = { done: string[]; };
/** The queue at a glance. */
export type QueueState = {
  counts: Record<string, number>; paused: boolean; reason: string | null;
  eta_seconds: number | null;
};
/** Every node type, the samplers, and what is wrong with users' files. */
export type Catalogue = {
  nodes: Record<string, NodeSpec>; samplers: string[]; schedules: string[]; problems: Problem[];
  lacking: string[];
};
/** All that anybody but the engine knows of a node type. */
export type NodeSpec = {
  type: string; version: number; title: string; category: string; doc: string; pure: boolean;
  sink: boolean; settings: Record<string, unknown>; inputs: Port[]; outputs: Port[];
  source: string;
};
/** One input or output of a node. */
export type Port = { name: string; types: string[]; required: boolean; doc: string; };
/** Everything that keeps it from running; empty when nothing does. */
export type Checked = { problems: Problem[]; };
/** One saved graph, with names for what goes in and what comes out. */
export type Workflow = {
  id: string; name: string; description: string; version: number; inputs: WorkflowInput[];
  outputs: WorkflowOutput[]; tags: string[]; created: string; changed: string; owner: string;
  graph: Graph; layout: Record<string, unknown>;
};
/** What a list tells of a workflow: all but the graph. */
export type WorkflowHead = {
  id: string; name: string; description: string; version: number; inputs: WorkflowInput[];
  outputs: WorkflowOutput[]; tags: string[]; created: string; changed: string; owner: string;
};
/** A workflow that came from a file, and what of the file did not. */
export type ImportedWorkflow = {
  id: string; name: string; description: string; version: number; inputs: WorkflowInput[];
  outputs: WorkflowOutput[]; tags: string[]; created: string; changed: string; owner: string;
  graph: Graph; layout: Record<string, unknown>; left_out: LeftOut[];
};
/** A node of another program's workflow that did not come over, or not whole. */
export type LeftOut = {
  title: string; type: string;
  code: "board" | "circle" | "damaged" | "field" | "first_only" | "no_equal"; field: string;
};
/** One prompt style, with or without saved settings. */
export type Preset = {
  id: string; name: string; prompt: string; negative_prompt: string;
  settings: Record<string, unknown>; created: string; changed: string; owner: string;
};
/** What became of a file's styles. */
export type Imported = { items: Preset[]; skipped: Skipped[]; };
/** A style that was not taken in, and why. */
export type Skipped = { name: string; code: string; };
/** One install: where the model comes from, how far it is, what came of it. */
export type Install = {
  id: string; source: string;
  status: "canceled" | "done" | "downloading" | "failed" | "paused" | "queued" | "resolving" | "verifying";
  reason: "asked" | "disk_full" | null; name: string | null; in_place: boolean;
  revision: string | null; files: InstallFile[]; bytes: number; total: number | null;
  per_second: number; eta_seconds: number | null; error: Problem | null; model: string | null;
  owner: string; created: string; started: string | null; ended: string | null;
};
/** One file of an install. */
export type InstallFile = { name: string; bytes: number | null; sha256: string | null; };
/** One import: which folder, how far it is, and what came of it. */
export type Import = {
  id: string; folder: string; mode: "copy" | "reference"; recursive: boolean;
  board: string | null; by_folder: boolean; invokeai_database: string | null;
  status: "canceled" | "failed" | "queued" | "running" | "succeeded"; found: number;
  added: number; known: number; refused: number; reasons: Record<string, number>;
  refusals: Refusal[]; error: Problem | null; owner: string; created: string;
  started: string | null; ended: string | null;
};
/** One file that was not taken in. */
export type Refusal = { file: string; code: string; };
/** Models to begin with. */
export type RecommendedModels = { items: Recommended[]; };
/** One model that is worth to begin with. */
export type Recommended = {
  name: string; family: string;
  kind: "checkpoint" | "clip_vision" | "controlnet" | "embedding" | "ip_adapter" | "lora" | "other" | "restorer" | "text_encoder" | "upscaler" | "vae";
  source: string; about_bytes: number; licence: string; licence_link: string;
  gated: boolean | null; memory: number | null; about: string;
};
/** The folders that were added by hand. */
export type Roots = { items: ModelRoot[]; };
/** A folder of models that was added by hand; its files are used in place. */
export type ModelRoot = { id: string; path: string; created: string; };
/** The job that does it; `result` of it says what came of it. */
export type Asked = { batch: string; job: string; };
/** What a model is converted to; null leaves it as it is. */
export type Target = {
  layout: "diffusers" | "single" | null;
  dtype: "bfloat16" | "float16" | "float32" | "float8_e4m3fn" | null; loras: Merged[];
  name: string | null;
};
/** A LoRA that becomes part of the checkpoint. */
export type Merged = { model: string; weight: number; };
/** Pictures of a subject. */
export type Dataset = {
  id: string; name: string; count: number; kept: DatasetImage[]; next: string | null;
  quarantined: Quarantined[]; quarantined_count: number; bytes: number;
  smallest: PictureSize | null; largest: PictureSize | null; buckets: Bucket[]; created: string;
  owner: string;
};
/** A picture of a dataset, turned upright and decoded in full. */
export type DatasetImage = {
  kind: "kept"; id: string; file: string; width: number; height: number; bytes: number;
  sha256: string; caption: string | null; transparent: boolean; held_out: boolean;
  notes: Warned[]; url: string; thumbnail_url: string; preview_url: string;
};
/** Something that is worth knowing before a run, or during it; words are those of `code`. */
export type Warned = {
  code: string; params: Record<string, string | number | null>; message: string;
};
/** A file that is not trained on, and why. */
export type Quarantined = {
  kind: "quarantined"; id: string; file: string; code: string;
  params: Record<string, string | number | null>; message: string;
};
/** How large a picture is, in pixels. */
export type PictureSize = { width: number; height: number; };
/** A size that pictures are trained in. */
export type Bucket = { width: number; height: number; count: number; };
/** What came of several files: those that are kept, also from before, and the others. */
export type Ingested = {
  kept: DatasetImage[]; quarantined: Quarantined[]; folders: string[]; next: string | null;
};
/** A run, over all the jobs that it took. */
export type Training = {
  id: string; name: string; job: string;
  status: "canceled" | "failed" | "paused" | "queued" | "running" | "stopped" | "succeeded";
  base_model: string; dataset: string; subjects: Subject[]; token: string; class_word: string;
  method: "dora" | "embedding" | "full" | "lokr" | "lora" | "pivotal"; recipe: Recipe;
  plan: Plan | null; step: number; steps: number; loss: number | null;
  eta_seconds: number | null; model: string | null; parent: string | null; sweep: string | null;
  warnings: Warned[]; error: Problem | null; created: string; ended: string | null;
  owner: string;
};
/** What a run does; null is chosen by the plan. */
export type Recipe = {
  method: "dora" | "embedding" | "full" | "lokr" | "lora" | "pivotal"; rank: number | null;
  alpha: number | null; targets: "all" | "attention" | "attention_feed_forward" | null;
  start_lora: string | null; token_vectors: number; token_start: string | null;
  train_denoiser: boolean; train_text_encoder: boolean | null; te_stop_fraction: number | null;
  optimizer: "adafactor" | "adamw" | "adamw8bit" | "came" | "prodigy" | null;
  lr_unet: number | null; lr_te: number | null; lr_emb: number | null; weight_decay: number;
  betas: [number, number]; eps: number; clip: number;
  schedule: "constant" | "cosine" | "cosine_restarts" | "linear" | "polynomial" | null;
  warmup: number | null; ema: number | null; max_steps: number | null; batch: number;
  class_per_instance: number; accumulate: number;
  prior: "images" | "live" | "off" | "self_distill" | null; prior_weight: number;
  num_class_images: number; prior_steps: number; prior_guidance: number;
  captions: "auto" | "json" | "off" | "text"; caption_dropout: number | null;
  templates: string[]; repeats: number; resolution: number | null; buckets: boolean;
  bucket_step: number; crop: "center" | "random"; crop_variants: number; flip: boolean;
  transparency: "black" | "gray" | "mask" | "random" | "white"; mask_background: number;
  held_out: number; snr_gamma: number | null; noise_offset: number; ztsnr: boolean;
  huber: number; timesteps: "logit_normal" | "uniform" | null;
  precision: "bfloat16" | "float16" | "float32" | null; grad_checkpoint: boolean | null;
  quantize: "fp8" | "int8" | "nf4" | "none" | null; compile: boolean; cache_latents: boolean;
  cache_text: boolean; seed: number; deterministic: boolean; checkpoint_every: number;
  checkpoint_minutes: number; keep_last: number; snapshot_every: number; sample_every: number;
  sample_prompts: string[]; validate_every: number;
  trackers: ("csv" | "tensorboard" | "wandb")[]; on_nan: "rollback" | "stop"; parallel: number;
};
/** What a run will do and take, before it does. */
export type Plan = {
  steps: number; epochs: number; pictures: number; class_pictures: number; recipe: Recipe;
  peak_bytes: number; budget_bytes: number; checkpoint_bytes: number; seconds: number | null;
  yields: "park" | "stay"; warnings: Warned[];
};
/** The training and its job; of a sweep all of them, and what they share. */
export type AskedTraining = {
  training: string; job: string; batch: string; trainings?: string[]; jobs?: string[];
  sweep?: string | null;
};
/** A part of the curve, in order of the steps. */
export type Losses = { items: LossPoint[]; next: number | null; };
/** The losses of one optimizer step. */
export type LossPoint = {
  step: number; loss: number; loss_instance: number; loss_prior: number | null; lr: number;
  grad_norm: number | null; seconds: number; validation: number | null;
  rates: Record<string, number>; norms: Record<string, number>; memory_bytes: number;
};
/** A picture that a run drew of what it knew. */
export type Sample = {
  training: string; step: number; image: string; prompt: string; seed: number;
  role: "asked" | "context" | "drift" | "subject";
};
/** Resumable state (checkpoint) or usable weights (snapshot) of a run. */
export type Checkpoint = {
  id: string; training: string; step: number; kind: "checkpoint" | "snapshot"; bytes: number;
  created: string; metric: number | null; best: boolean;
};
/** All that a client may offer; it hard-codes none of it. */
export type Capabilities = {
  version: string; families: string[]; samplers: string[]; schedules: string[];
  sampling: Record<string, Possible>; recipes: RecipeInfo[];
  own_recipes: Record<string, RecipeInfo[]>; training_methods: string[]; formats: string[];
  upload_types: string[]; limits: Record<string, number>; languages: Record<string, string>;
  language: string; topics: string[]; scopes: string[];
};
/** One recipe and the JSON Schema of its fields. */
export type RecipeInfo = { name: string; title: string; fields: Record<string, unknown>; };
/** The server and its engine. */
export type SystemInfo = {
  version: string; boot: string; python: string; platform: string; uptime_seconds: number;
  engine: EngineInfo; sockets: number; queue: Record<string, number>; paused: boolean;
  memory: MemoryInfo | null; speed: string;
};
/** The engine as it last spoke. */
export type EngineInfo = {
  state: string; generation: number; device: string | null; device_name: string | null;
  memory_total: number | null; torch: string | null;
};
/** The engine's memory as its last heartbeat told it. Bytes. */
export type MemoryInfo = {
  used: number; total: number; rss: number; weights_device: number; weights_ram: number;
  vram_budget: number; ram_budget: number; models: string[];
};
/** Every setting; secrets are masked. */
export type ConfigInfo = { settings: SettingInfo[]; };
/** One setting: what it is, where its value came from. */
export type SettingInfo = {
  name: string; value: unknown; default: unknown;
  source: "default" | "environment" | "file" | "flag" | "runtime"; description: string;
  live: boolean; schema: Record<string, unknown>;
};
/** Every token, newest first; never their secrets. */
export type TokenList = { items: Token[]; next: null; };
/** A token as it is listed: everything but its secret. */
export type Token = {
  id: string; name: string; scopes: ("admin" | "generate" | "read" | "train")[]; created: string;
  last_used: string | null;
};
/** A token as it is made: its text is shown this once. */
export type NewToken = { token: Token; text: string; };
/** Lines of the log, oldest first. */
export type LogPage = { items: LogLine[]; next: number; boot: string; };
/** One line of the log. */
export type LogLine = {
  seq: number; at: string; level: string; logger: string; message: string;
  extra: Record<string, string | number | boolean | null>;
};
/** Who the browser is now. */
export type Session = { owner: string; scopes: string[]; };
/** The data directory by parts, and the disk that it lies on. Bytes. */
export type Storage = { parts: Stored[]; free: number; total: number; floor: number; };
/** One part of the data directory. Links count as nothing. */
export type Stored = {
  name: "backups" | "cache" | "database" | "images" | "models" | "other" | "reserve" | "trainings" | "uploads";
  bytes: number; files: number;
};
/** How many there are. */
export type Intermediates = { count: number; bytes: number; };
/** What a call to clear came to. */
export type Cleared = { deleted: number; bytes: number; kept: number; more: boolean; };
/** An error answer (RFC 9457). */
export type ProblemDocument = {
  type: string; title: string; status: number; code: string; detail: string; errors: Detail[];
  request_id: string;
};
/** One thing that is wrong with a request, and where. */
export type Detail = {
  pointer: string; code: string; message: string; node?: string; path?: string;
  params?: Record<string, string | number | null>;
};
/** The languages that the server speaks. */
export type Languages = { languages: Record<string, string>; language: string; };
/** A single job entered the queue. */
export type JobQueued = {
  type: "job.queued"; seq: number; at: string; owner: string | null; job: string; batch: string;
  kind: "graph" | "task" | "training"; priority: number;
};
/** A batch of several jobs entered the queue: one event, however many jobs. */
export type BatchQueued = {
  type: "batch.queued"; seq: number; at: string; owner: string | null; batch: string;
  count: number; priority: number;
};
/** The engine took a job. */
export type JobStarted = {
  type: "job.started"; seq: number; at: string; owner: string | null; job: string; batch: string;
  attempt: number;
};
/** A job went back to the queue: the engine or the server died under it, or somebody asked. */
export type JobRetried = {
  type: "job.retried"; seq: number; at: string; owner: string | null; job: string; batch: string;
  reason: "asked" | "disk_full" | "engine_lost" | "memory" | "server_restart";
};
/** A job reached its terminal state; no frame of it follows. */
export type JobEnded = {
  type: "job.ended"; seq: number; at: string; owner: string | null; job: string; batch: string;
  status: "canceled" | "failed" | "quarantined" | "succeeded"; seconds: number | null;
  images: string[]; error: Problem | null; degraded: string[];
  result: Record<string, unknown> | null; cached: string[];
};
/** The last job of a batch of several ended. */
export type BatchEnded = {
  type: "batch.ended"; seq: number; at: string; owner: string | null; batch: string;
  counts: Record<string, number>;
};
/** What failed of a batch is tried again, by new jobs: one event, however many. */
export type BatchRetried = {
  type: "batch.retried"; seq: number; at: string; owner: string | null; batch: string;
  count: number; jobs: string[];
};
/** The queue was paused, resumed, cleared, or its order changed. */
export type QueueChanged = {
  type: "queue.changed"; seq: number; at: string; owner: string | null; paused: boolean;
  reason: "asked" | "cleared" | "disk_full" | "engine_unavailable" | "reordered";
};
/** A picture came into the gallery. */
export type ImageAdded = {
  type: "image.added"; seq: number; at: string; owner: string | null; image: Image;
};
/** A picture was starred, moved, annotated, restored. */
export type ImageChanged = {
  type: "image.changed"; seq: number; at: string; owner: string | null; image: Image;
};
/** A picture went to the trash, or for good. */
export type ImageDeleted = {
  type: "image.deleted"; seq: number; at: string; owner: string | null; image: string;
  forever: boolean;
};
/** A board was made, renamed or deleted. */
export type BoardChanged = {
  type: "board.changed"; seq: number; at: string; owner: string | null; board: string;
  deleted: boolean;
};
/** An import of pictures was accepted, began or ended; it tells of all that it added. */
export type ImportChanged = {
  type: "import.changed"; seq: number; at: string; owner: string | null; import_id: string;
  status: "canceled" | "failed" | "queued" | "running" | "succeeded"; added: number;
  refused: number; error: Problem | null;
};
/** An install was accepted, began, was paused, finished or failed. */
export type ModelInstall = {
  type: "model.install"; seq: number; at: string; owner: string | null; install: string;
  status: "canceled" | "failed" | "paused" | "queued" | "running" | "succeeded"; source: string;
  model: string | null; error: Problem | null;
};
/** A model was found or installed. */
export type ModelAdded = {
  type: "model.added"; seq: number; at: string; owner: string | null; model: Model;
};
/** One model: what it is, where its file lies, how it likes to be used. */
export type Model = {
  id: string; name: string;
  kind: "checkpoint" | "clip_vision" | "controlnet" | "embedding" | "ip_adapter" | "lora" | "other" | "restorer" | "text_encoder" | "upscaler" | "vae";
  family: string; format: "diffusers" | "gguf" | "single" | "spandrel"; file: string;
  bytes: number; sha256: string | null; token: string | null; class_word: string | null;
  trigger: string | null; description: string | null; defaults: ModelDefaults; loaded: boolean;
  source: string | null; created: string; variant: string | null; edition: string | null;
  trigger_words: string[]; metadata: ModelFacts; licence: string | null; link: string | null;
  cover: string | null; missing: boolean; duplicate_of: string | null;
};
/** The settings a model draws best with; null where it does not say. */
export type ModelDefaults = {
  width: number | null; height: number | null; steps: number | null;
  guidance_scale: number | null; sampler: string | null;
};
/** What a file, or a note beside it, says of itself; each as far as it was found. */
export type ModelFacts = {
  title?: string | null; author?: string | null; base_model?: string | null;
  architecture?: string | null; method?: string | null; rank?: number | null;
  alpha?: number | null; resolution?: string | null; training_steps?: number | null;
  epochs?: number | null; training_images?: number | null; prediction_type?: string | null;
  parts?: string[]; tags?: Record<string, number>;
};
/** A model was edited, hashed, moved, loaded or unloaded. */
export type ModelChanged = {
  type: "model.changed"; seq: number; at: string; owner: string | null; model: Model;
};
/** A model left the library. */
export type ModelDeleted = {
  type: "model.deleted"; seq: number; at: string; owner: string | null; model: string;
};
/** A training took its first step. */
export type TrainingStarted = {
  type: "training.started"; seq: number; at: string; owner: string | null; training: string;
  job: string; step: number; steps: number;
};
/** New points of the loss curve, a few times a second. */
export type TrainingLoss = {
  type: "training.loss"; seq: number; at: string; owner: string | null; training: string;
  points: LossPoint[];
};
/** A training drew a picture of what it knows so far. */
export type TrainingSample = {
  type: "training.sample"; seq: number; at: string; owner: string | null; training: string;
  step: number; image: string; prompt: string; role: "asked" | "context" | "drift" | "subject";
};
/** A training wrote a checkpoint or a snapshot. */
export type TrainingCheckpoint = {
  type: "training.checkpoint"; seq: number; at: string; owner: string | null; training: string;
  checkpoint: string; step: number; kind: "checkpoint" | "snapshot"; metric: number | null;
  best: boolean; removed: string[];
};
/** A training waits between two steps, or goes on. */
export type TrainingPaused = {
  type: "training.paused"; seq: number; at: string; owner: string | null; training: string;
  step: number; paused: boolean;
};
/** Something is not as it should be, and the run goes on. */
export type TrainingWarned = {
  type: "training.warned"; seq: number; at: string; owner: string | null; training: string;
  step: number; warning: Warned;
};
/** A training ended, and with it the job. */
export type TrainingEnded = {
  type: "training.ended"; seq: number; at: string; owner: string | null; training: string;
  step: number; status: "canceled" | "failed" | "stopped" | "succeeded"; model: string | null;
};
/** A training was asked for, asked to go on, renamed, published or deleted. */
export type TrainingChanged = {
  type: "training.changed"; seq: number; at: string; owner: string | null; training: string;
  deleted: boolean;
};
/** Pictures or captions of a dataset changed. */
export type DatasetChanged = {
  type: "dataset.changed"; seq: number; at: string; owner: string | null; dataset: string;
  deleted: boolean;
};
/** A saved workflow was made, changed or deleted. */
export type WorkflowChanged = {
  type: "workflow.changed"; seq: number; at: string; owner: string | null; workflow: string;
  deleted: boolean;
};
/** A preset was made, changed or deleted. */
export type PresetChanged = {
  type: "preset.changed"; seq: number; at: string; owner: string | null; preset: string;
  deleted: boolean;
};
/** The engine process changed its state. */
export type EngineState = {
  type: "engine.state"; seq: number; at: string; owner: string | null;
  state: "ready" | "restarting" | "starting" | "stopped" | "unavailable"; generation: number;
  device: string | null; reason: string | null;
};
/** A setting was changed while running. */
export type ConfigChanged = {
  type: "config.changed"; seq: number; at: string; owner: string | null; setting: string;
};
/** How far a job is. */
export type JobProgress = {
  type: "job.progress"; job: string; node: string | null; phase: string; step: number;
  steps: number; eta_seconds: number | null; cached: string[];
};
/** A small picture of what a job is drawing; travels as a binary message. */
export type JobPreview = {
  type: "job.preview"; job: string; node: string; step: number; steps: number; width: number;
  height: number; mime: string;
};
/** How far an import of pictures is. */
export type ImportProgress = {
  type: "import.progress"; import_id: string; looking: boolean; found: number; added: number;
  known: number; refused: number;
};
/** How far a download is. */
export type ModelProgress = {
  type: "model.progress"; install: string; bytes: number; total: number | null;
  per_second: number; eta_seconds: number | null;
};
/** What the engine's memory holds. Bytes. */
export type Memory = {
  type: "memory"; device: string; used: number; total: number; rss: number; models: string[];
};
/** Why no work is done now, whenever that changes: the reasons of `/readyz`. */
export type Readiness = { type: "readiness"; reasons: string[]; };

export type Fact =
  | JobQueued
  | BatchQueued
  | JobStarted
  | JobRetried
  | JobEnded
  | BatchEnded
  | BatchRetried
  | QueueChanged
  | ImageAdded
  | ImageChanged
  | ImageDeleted
  | BoardChanged
  | ImportChanged
  | ModelInstall
  | ModelAdded
  | ModelChanged
  | ModelDeleted
  | TrainingStarted
  | TrainingLoss
  | TrainingSample
  | TrainingCheckpoint
  | TrainingPaused
  | TrainingWarned
  | TrainingEnded
  | TrainingChanged
  | DatasetChanged
  | WorkflowChanged
  | PresetChanged
  | EngineState
  | ConfigChanged;

export type Frame =
  | JobProgress
  | JobPreview
  | ImportProgress
  | ModelProgress
  | Memory
  | Readiness;

/** One page of a list, newest first. */
export type Page<T> = { items: T[]; next: string | null };

/** The first message of a socket. */
export type Hello = {
  type: "hello";
  seq: number;
  boot: string;
  version: string;
  resumed: boolean;
  reasons: string[];
};
