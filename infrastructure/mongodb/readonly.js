// Runs once, when the data folder is new: a user that can look at everything and change nothing, for tools and assistants.
db.getSiblingDB('admin').createUser({
  user: 'ent_readonly',
  pwd: process.env.MONGO_READONLY_PASSWORD,
  roles: ['readAnyDatabase', 'clusterMonitor'],
});
