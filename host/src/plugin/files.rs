//! `wasi:filesystem/types` over the granted folder: wasmtime's own, but what is written counts, and nothing is opened that
//! could hold up a thread of the host for ever.

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Filesize,
    Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
    add_to_linker,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::call::State;
use super::quota::Quota;

struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = Files<'a>;
}

/// Files as one call sees them.
struct Files<'a> {
    wasi: WasiFilesystemCtxView<'a>,
    quota: Quota,
}

/// Puts this in the place of wasmtime's own interface.
fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    add_to_linker::<State, HasFiles>(linker, |state| {
        let quota = state.quota.clone();
        Files { wasi: state.filesystem(), quota }
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// For plugins with grants: this, and requests where they may be sent anywhere.
pub(super) fn link_granted(linker: &mut Linker<State>, has_http: bool) -> wasmtime::Result<()> {
    link(linker)?;
    if has_http {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    }
    Ok(())
}

impl Files<'_> {
    fn count_file(&self) -> FsResult<()> {
        if self.quota.take_file() { Ok(()) } else { Err(ErrorCode::Quota.into()) }
    }

    fn count_bytes(&self, bytes: u64) -> FsResult<()> {
        if self.quota.take_bytes(bytes) { Ok(()) } else { Err(ErrorCode::Quota.into()) }
    }

    fn meter(&mut self, stream: Resource<DynOutputStream>) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.wasi.table.delete(stream)?;
        Ok(self.wasi.table.push(self.quota.over(stream))?)
    }

    /// What is at `path`, if anything is.
    async fn look(
        &mut self,
        descriptor: &Resource<Descriptor>,
        flags: PathFlags,
        path: &str,
    ) -> FsResult<Option<DescriptorType>> {
        let descriptor = Resource::new_borrow(descriptor.rep());
        match self.wasi.stat_at(descriptor, flags, path.to_owned()).await {
            Ok(stat) => Ok(Some(stat.type_)),
            Err(error) if matches!(error.downcast_ref(), Some(ErrorCode::NoEntry)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Host for Files<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.wasi.convert_error_code(error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        let cause = self.wasi.table.get(&error)?.downcast_ref::<std::io::Error>();
        if cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::QuotaExceeded) {
            return Ok(Some(ErrorCode::Quota));
        }
        self.wasi.filesystem_error_code(error)
    }
}

impl HostDescriptor for Files<'_> {
    async fn open_at(
        &mut self,
        folder: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        match self.look(&folder, path_flags, &path).await? {
            Some(DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink) => {}
            // To open a pipe is to wait for its other end; devices are worse.
            Some(_) => return Err(ErrorCode::Access.into()),
            None if open_flags.contains(OpenFlags::CREATE) => self.count_file()?,
            None => {}
        }
        self.wasi.open_at(folder, path_flags, path, open_flags, flags).await
    }

    async fn create_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.count_file()?;
        self.wasi.create_directory_at(folder, path).await
    }

    async fn link_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        other: Resource<Descriptor>,
        other_path: String,
    ) -> FsResult<()> {
        self.count_file()?;
        self.wasi.link_at(folder, flags, path, other, other_path).await
    }

    async fn symlink_at(&mut self, folder: Resource<Descriptor>, path: String, to: String) -> FsResult<()> {
        self.count_file()?;
        self.wasi.symlink_at(folder, path, to).await
    }

    async fn set_size(&mut self, file: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        let before = self.wasi.stat(Resource::new_borrow(file.rep())).await?.size;
        self.count_bytes(size.saturating_sub(before))?;
        self.wasi.set_size(file, size).await
    }

    async fn write(&mut self, file: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.count_bytes(bytes.len() as u64)?;
        self.wasi.write(file, bytes, offset).await
    }

    fn write_via_stream(&mut self, file: Resource<Descriptor>, at: Filesize) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.wasi.write_via_stream(file, at)?;
        self.meter(stream)
    }

    fn append_via_stream(&mut self, file: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.wasi.append_via_stream(file)?;
        self.meter(stream)
    }

    // All that follows makes and writes nothing.

    async fn advise(
        &mut self,
        file: Resource<Descriptor>,
        offset: Filesize,
        length: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        self.wasi.advise(file, offset, length, advice).await
    }

    async fn sync_data(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.wasi.sync_data(file).await
    }

    async fn sync(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.wasi.sync(file).await
    }

    async fn get_flags(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        self.wasi.get_flags(file).await
    }

    async fn get_type(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorType> {
        self.wasi.get_type(file).await
    }

    async fn set_times(
        &mut self,
        file: Resource<Descriptor>,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        self.wasi.set_times(file, access, modification).await
    }

    async fn set_times_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FsResult<()> {
        self.wasi.set_times_at(folder, flags, path, access, modification).await
    }

    async fn read(
        &mut self,
        file: Resource<Descriptor>,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        self.wasi.read(file, length, offset).await
    }

    async fn read_directory(&mut self, folder: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        self.wasi.read_directory(folder).await
    }

    async fn stat(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.wasi.stat(file).await
    }

    async fn stat_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        self.wasi.stat_at(folder, flags, path).await
    }

    fn drop(&mut self, file: Resource<Descriptor>) -> wasmtime::Result<()> {
        HostDescriptor::drop(&mut self.wasi, file)
    }

    async fn readlink_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<String> {
        self.wasi.readlink_at(folder, path).await
    }

    async fn remove_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.wasi.remove_directory_at(folder, path).await
    }

    async fn rename_at(
        &mut self,
        folder: Resource<Descriptor>,
        path: String,
        other: Resource<Descriptor>,
        other_path: String,
    ) -> FsResult<()> {
        self.wasi.rename_at(folder, path, other, other_path).await
    }

    async fn unlink_file_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.wasi.unlink_file_at(folder, path).await
    }

    fn read_via_stream(&mut self, file: Resource<Descriptor>, at: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.wasi.read_via_stream(file, at)
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        self.wasi.is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, file: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.wasi.metadata_hash(file).await
    }

    async fn metadata_hash_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        self.wasi.metadata_hash_at(folder, flags, path).await
    }
}

impl HostDirectoryEntryStream for Files<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.wasi.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.wasi, stream)
    }
}
