// Loaded into the command that scripts/bootstrap.mjs starts (`node --import`). The command is in a
// session of its own, so nothing would stop it if the bootstrap were killed; the pipe between them
// closes then, and the command is asked to stop.
import { Socket } from 'node:net';

const { ENT_FOLLOW } = process.env;
delete process.env.ENT_FOLLOW;

// Children of the command may be started with the same flags: they have another parent, and no pipe.
if (ENT_FOLLOW === String(process.ppid)) {
  new Socket({ fd: 3 })
    .on('error', () => {})
    .on('close', () => process.kill(process.pid, 'SIGTERM'))
    .resume()
    .unref();
}
