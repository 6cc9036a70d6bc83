/** The seam between the simulated Hetzner API and the machines that really run scripts. */

/** Port numbers on a machine's own 127.x.y.z address; unprivileged, so that nothing here needs root. */
export const machinePorts = { ssh: 2222, https: 10_443, gateway: 18_789 } as const;

export type MachineSpec = {
  /** Hetzner server id. */
  id: number;
  /** Host name. */
  name: string;
  /** 127.x.y.z, given by the Hetzner simulator as public IPv4. */
  address: string;
  /** Cloud-config text; "" for none. */
  userData: string;
  /** OpenSSH public keys for root, as Hetzner hands them to cloud-init. */
  authorizedKeys: string[];
  memoryGb: number;
  /** Id of a snapshot taken by `snapshot`: the disk to start from. */
  imageDisk?: string;
};

export type MachineDriver = {
  /** Disk made, powered on; the first boot goes on in the background. */
  create(spec: MachineSpec): Promise<void>;
  /** Boots; what cloud-init does once per instance does not run again, enabled units start. */
  powerOn(id: number): Promise<void>;
  /** Power cut: every process of the machine dies. */
  powerOff(id: number): Promise<void>;
  /** ACPI: units are stopped, then it is off. */
  shutdown(id: number): Promise<void>;
  reboot(id: number): Promise<void>;
  /** Wiped disk, first boot again. */
  rebuild(id: number, userData?: string): Promise<void>;
  attachNetwork(id: number, ip: string): Promise<void>;
  detachNetwork(id: number, ip: string): Promise<void>;
  /** Copy of the disk under the image's id. */
  snapshot(id: number, imageId: string): Promise<void>;
  deleteSnapshot(imageId: string): Promise<void>;
  destroy(id: number): Promise<void>;
  isRunning(id: number): boolean;
  /** Destroys everything. */
  close(): Promise<void>;
};
