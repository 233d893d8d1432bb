// Runs a fuzz target once over files and all files of folders: the corpus,
// where there is no libFuzzer.
//
//     PROGRAM FILE | FOLDER ...
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "input.h"

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    // Exactly as large as the file, so that reading behind its end is seen.
    uint8_t *data = malloc(size);
    REQUIRE(file && (data || size == 0));
    REQUIRE(fread(data, 1, size, file) == size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int replay(const char *path)
{
    struct stat facts;
    REQUIRE(stat(path, &facts) == 0);
    if (!S_ISDIR(facts.st_mode))
        return replay_file(path, (size_t)facts.st_size);
    struct dirent **list;
    int found = scandir(path, &list, NULL, alphasort), count = 0;
    REQUIRE(found >= 0);
    for (int i = 0; i < found; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
        count += list[i]->d_name[0] == '.' ? 0 : replay(name);
        free(list[i]);
    }
    free(list);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
