import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import type { TlsIdentity } from '../io/channel-listener.ts';
import { certificateFingerprint } from '../io/open-channel.ts';
import { readStateFile, writeStateFile } from '../io/state-file.ts';

export interface PinnedIdentity extends TlsIdentity {
  /** SHA-256 of the certificate in DER, by which clients know it. */
  readonly fingerprint: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEARS = 20;
const BLOCK = (name: string) => new RegExp(`-----BEGIN ${name}-----[\\s\\S]+?-----END ${name}-----\n?`);

/**
 * Reads key and certificate in PEM from their owner-only file, or makes them there. Whoever believes a certificate by its
 * fingerprint asks neither who issued it nor until when.
 */
export async function loadTlsIdentity(path: string, onCorrupt: (asideAt: string) => void): Promise<PinnedIdentity> {
  const known = await readStateFile(path, parseIdentity, (aside) => onCorrupt(aside));
  if (known !== undefined) return known;
  const pem = await createPem();
  await writeStateFile(path, pem);
  return parseIdentity(pem);
}

function parseIdentity(content: string): PinnedIdentity {
  const key = BLOCK('(?:EC |RSA )?PRIVATE KEY').exec(content)?.[0];
  const certificate = BLOCK('CERTIFICATE').exec(content)?.[0]; // of a chain the first, which is the leaf
  if (key === undefined || certificate === undefined) throw new Error('no private key with a certificate');
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the private key is not that of the certificate');
  return { key, certificate, fingerprint: certificateFingerprint(parsed.raw) };
}

/** Loaded only where a certificate has to be made, which happens once. */
async function createPem(): Promise<string> {
  await import('reflect-metadata'); // its decorators want it
  const { X509CertificateGenerator, cryptoProvider } = await import('@peculiar/x509');
  cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]); // its types are a browser's
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notBefore = new Date();
  const notAfter = new Date(notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS);
  const name = 'CN=flightdeck rendezvous';
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore,
    notAfter,
  });
  const secret = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = secret.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n${certificate.toString('pem')}\n`;
}
