#ifndef CERTIFICATE_H
#define CERTIFICATE_H

// The certificate that the command line gives luaws.webServer: files, or one made for this run.
// Main thread.

#include "base/tls_settings.h"
#include "cli/options.h"

// Fills *tls, which tls_settings_deinit frees: without `cert` when the command line says nothing of
// TLS. Of a certificate that is made here it tells how clients may know it. 0, or negative with
// *err.
int certificate_open(const struct options *options, struct tls_settings *tls, struct err *err);

#endif
