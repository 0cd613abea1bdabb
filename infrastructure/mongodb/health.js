// The health check. The member is called localhost, so that clients on the machine and in the container find it by the
// same name; those of other containers connect with directConnection=true.
try {
  if (rs.status().myState === 1) quit(0);
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'localhost:27017' }] });
}
quit(1); // not the primary yet
