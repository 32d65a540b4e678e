import type { Algorithms } from 'ssh2';

/**
 * What hosts from before 2015 need: SHA-1 key exchange, DSA host keys, CBC ciphers. They are used only when `limits.legacyAlgorithms` asks
 * for them, and appended, so that a host with better algorithms still uses those.
 */
export const LEGACY_ALGORITHMS: Algorithms = {
  kex: {
    append: ['diffie-hellman-group-exchange-sha1', 'diffie-hellman-group14-sha1', 'diffie-hellman-group1-sha1'],
    prepend: [],
    remove: [],
  },
  serverHostKey: { append: ['ssh-dss'], prepend: [], remove: [] },
  cipher: { append: ['aes256-cbc', 'aes128-cbc', '3des-cbc'], prepend: [], remove: [] },
};
