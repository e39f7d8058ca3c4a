// The certificates that the system trusts. Any thread.
//
// Systems have them twice: all in one file, which takes tens of milliseconds to read, and in a
// folder by hashes of their names, of which only those are read that a peer's certificate leads to.
// A loop hasn't the time for the former.

#include "net/tls_store.h"

#include <dirent.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

// "5ed36f99.0"
static bool is_hashed(const char *name) {
  return strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

// Whether a folder is there for OpenSSL to find certificates by their hashes.
static bool has_hashed(const char *folder) {
  DIR *dir = opendir(folder);
  bool found = false;
  if (!dir) return false;
  for (const struct dirent *i; !found && (i = readdir(dir));)
    found = is_hashed(i->d_name);
  closedir(dir);
  return found;
}

bool tls_store_use_system(SSL_CTX *ctx) {
  const char *folder = getenv(X509_get_default_cert_dir_env());
  if (!folder) folder = X509_get_default_cert_dir();
  // Who names a file wants it to be read.
  if (!getenv(X509_get_default_cert_file_env()) && has_hashed(folder))
    return SSL_CTX_set_default_verify_dir(ctx) == 1;
  return SSL_CTX_set_default_verify_paths(ctx) == 1;
}
