import { Command } from 'commander';
import { examine } from '../doctor/doctor.ts';
import type { Finding } from '../doctor/finding.ts';
import { withSession } from '../session.ts';

export const doctorCommand = (): Command =>
  new Command('doctor').description('look for what is stuck, and say what to do').action(async () => {
    const findings = await withSession(examine);
    for (const finding of findings) console.log(lineOf(finding));
    if (findings.length === 0) console.log('Nothing is wrong that I can see.');
    if (findings.some(({ severity }) => severity === 'problem')) process.exitCode = 1;
  });

const lineOf = ({ severity, subject, found, remedy }: Finding): string =>
  `${severity === 'problem' ? '✗' : '!'} ${subject}: ${found}\n    → ${remedy}`;
