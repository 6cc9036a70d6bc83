/** What the outside hands to the lab. */
export type LabFolders = {
  /** Root file system that every machine starts from; never written to. */
  baseImage: string;
  /** Hetzner's name of it. */
  image: string;
  /** Caches of apt and npm. */
  packages: string;
  /** Of this run alone. */
  scratch: string;
  /** Name of this run's control group. */
  group: string;
};
